// Aborts a process that opens a network socket or looks up a host. It is loaded with LD_PRELOAD, so
// that the calls of native libraries are checked too.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void refuse(const char* what) {
  fprintf(stderr, "reached for the network: %s\n", what);
  abort();
}

int socket(int domain, int type, int protocol) {
  if (domain == AF_INET || domain == AF_INET6 || domain == AF_PACKET) refuse("socket");
  int (*real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
  return real(domain, type, protocol);
}

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                struct addrinfo** result) {
  (void)service, (void)hints, (void)result;
  refuse(node);
  return EAI_FAIL;
}
