// The embedding host as a program of its own, for the gateway's tests: edge_embed_host LIBPYTHON ARGV...
#include "appserver/gateway/embed.h"

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  return edge::run_embedded_python(argv[1], argc - 2, argv + 2);
}
