/* The messages between the module and its back end (docs/PROTOCOL.md).
 *
 * Pure encoding and decoding over buffers that the caller owns: no allocation,
 * no input or output.
 */
#ifndef PAM_TFA_WIRE_H
#define PAM_TFA_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_VERSION 1
#define WIRE_MAX_MESSAGE_BYTES 8192
#define WIRE_MAX_TEXT_BYTES 4096
#define WIRE_MAX_ANSWER_BYTES 512
#define WIRE_MAX_ITEM_BYTES 1024
#define WIRE_MAX_PROMPT_TEXT_BYTES 255
#define WIRE_NONCE_BYTES 16

enum wire_type {
    WIRE_HELLO = 1,
    WIRE_REQUEST = 2,
    WIRE_PROMPT = 3,
    WIRE_MESSAGE = 4,
    WIRE_ANSWER = 5,
    WIRE_VERDICT = 6,
};

enum wire_tag {
    WIRE_NONCE = 1,
    WIRE_USER = 2,
    WIRE_SERVICE = 3,
    WIRE_RHOST = 4,
    WIRE_RUSER = 5,
    WIRE_TTY = 6,
    WIRE_CONFIG = 7,
    WIRE_PROMPT_TEXT = 8,
    WIRE_OPTIONS = 9,
    WIRE_TEXT = 10,
    WIRE_STYLE = 11,
    WIRE_UNUSABLE = 12,
    WIRE_CODE = 13,
    WIRE_TAG_LIMIT = 14,
};

enum wire_option {
    WIRE_OPTION_NULLOK = 1,
    WIRE_OPTION_ECHO = 2,
    WIRE_OPTION_DECOY = 4,
    WIRE_OPTION_QUIET = 8,
    WIRE_OPTION_DEBUG = 16,
};

enum wire_unusable {
    WIRE_UNUSABLE_TOO_LONG = 1,
    WIRE_UNUSABLE_EQUALS_AUTHTOK = 2,
};

enum wire_code {
    WIRE_CODE_SUCCESS = 1,
    WIRE_CODE_IGNORE = 2,
    WIRE_CODE_REFUSED = 3,
    WIRE_CODE_LOCKED = 4,
    WIRE_CODE_UNAVAILABLE = 5,
    WIRE_CODE_CONVERSATION_FAILED = 6,
    WIRE_CODE_MISCONFIGURED = 7,
};

/* A message being written. It may hold a code: wipe it after use. */
struct wire_writer {
    uint8_t bytes[WIRE_MAX_MESSAGE_BYTES];
    size_t length;
    bool overflow; /* a field did not fit; the message must not be sent */
};

/* One field of a decoded message; `bytes` points into the decoded buffer and is
 * NULL where the message has no such field. */
struct wire_field {
    const uint8_t *bytes;
    size_t length;
};

/* What a back end may say, checked. */
struct wire_back_end_message {
    enum wire_type type;           /* WIRE_HELLO, _PROMPT, _MESSAGE or _VERDICT */
    struct wire_field text;        /* _PROMPT, _MESSAGE: no NUL inside */
    uint8_t style;                 /* _PROMPT, _MESSAGE: 0 or 1 */
    uint8_t code;                  /* _VERDICT: any value; unknown ones deny */
    const uint8_t *nonce;          /* _VERDICT: WIRE_NONCE_BYTES bytes */
};

void wire_begin(struct wire_writer *writer, enum wire_type type);
void wire_put(struct wire_writer *writer, enum wire_tag tag, const void *bytes, size_t length);
void wire_put_byte(struct wire_writer *writer, enum wire_tag tag, uint8_t value);
void wire_put_uint32(struct wire_writer *writer, enum wire_tag tag, uint32_t value);

/* Decodes `length` bytes as a message that a back end may send.
 * Returns false, and leaves *message unspecified, for anything else. */
bool wire_decode(const uint8_t *bytes, size_t length, struct wire_back_end_message *message);

#endif
