// The application: starts it as an ordinary user, with pipes for its output.
#ifndef TEN_APP_H
#define TEN_APP_H

#include "order.h"

struct app {
  pid_t pid;
  int output, error; // the ends to read from
};
struct app start_app(const struct order *order);

#endif
