// The C library's list of locks: there are none.
