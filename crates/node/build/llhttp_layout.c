// Where the C compiler puts the fields that Rust code reads and writes. A test compares.

#include <stddef.h>

#include "llhttp.h"

const size_t secure_exec_llhttp_layout[] = {
    sizeof(llhttp_t),
    offsetof(llhttp_t, reason),
    offsetof(llhttp_t, error_pos),
    offsetof(llhttp_t, data),
    offsetof(llhttp_t, type),
    offsetof(llhttp_t, method),
    offsetof(llhttp_t, http_major),
    offsetof(llhttp_t, upgrade),
    offsetof(llhttp_t, status_code),
    offsetof(llhttp_t, settings),
    sizeof(llhttp_settings_t),
    offsetof(llhttp_settings_t, on_url),
    offsetof(llhttp_settings_t, on_headers_complete),
    offsetof(llhttp_settings_t, on_message_complete),
    offsetof(llhttp_settings_t, on_chunk_header),
    offsetof(llhttp_settings_t, on_reset),
};
