// A counter for one tenant, kept in a file.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type counter struct {
	mutex sync.Mutex
	path  string
	value int
}

func openCounter(path string) (*counter, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &counter{path: path}, nil
	}
	if err != nil {
		return nil, err
	}
	value, err := strconv.Atoi(strings.TrimSpace(string(text)))
	return &counter{path: path, value: value}, err
}

func (c *counter) read() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.value
}

// Writes another file and renames it, so that a crash leaves the old value or the new one.
func (c *counter) increment() (int, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	next := []byte(strconv.Itoa(c.value+1) + "\n")
	if err := os.WriteFile(c.path+".next", next, 0o600); err != nil {
		return 0, err
	}
	if err := os.Rename(c.path+".next", c.path); err != nil {
		return 0, err
	}
	c.value++
	return c.value, nil
}

func (c *counter) serveCount(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		fmt.Fprintf(w, "{\"count\":%d}\n", c.read())
	case http.MethodPost:
		value, err := c.increment()
		if err != nil {
			log.Print(err)
			http.Error(w, "{\"error\":\"could not be kept\"}", http.StatusInternalServerError)
			return
		}
		log.Printf("counted to %d", value)
		fmt.Fprintf(w, "{\"count\":%d}\n", value)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "{\"error\":\"expected GET or POST\"}", http.StatusMethodNotAllowed)
	}
}

func main() {
	log.SetFlags(0)
	tenant := os.Getenv("TENEMENT_INSTANCE")
	count, err := openCounter(filepath.Join(os.Getenv("TENEMENT_DATA_DIR"), "count"))
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("/count", count.serveCount)
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, "{\"tenant\":%q}\n", tenant)
	})

	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: mux}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		<-stop.Done()
		patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(patience); err != nil {
			log.Print(err)
		}
	}()

	log.Printf("counter of %s is ready", tenant)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	<-closed
	log.Print("stopped")
}
