// edge: one binary that serves, checks and controls.
int main() { return 0; }
