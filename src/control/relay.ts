// Relays a request from a replaced server to the server that owns the socket's path now.

/** @param path of the socket that received the request */
export function relay(request: Request, path: string): Promise<Response> {
  const { pathname, search } = new URL(request.url, "http://localhost");
  return fetch(`http://localhost${pathname}${search}`, {
    method: request.method,
    headers: request.headers,
    ...(request.body === null ? {} : { body: request.body }),
    unix: path,
    proxy: false,
    redirect: "manual",
    decompress: false,
    // An order lasts as long as the application takes to start or stop.
    timeout: false,
  } as BunFetchRequestInit);
}
