#include "wire.h"

#include <string.h>

#define HEADER_BYTES 2
#define FIELD_HEADER_BYTES 3

void wire_begin(struct wire_writer *writer, enum wire_type type)
{
    writer->bytes[0] = WIRE_VERSION;
    writer->bytes[1] = (uint8_t)type;
    writer->length = HEADER_BYTES;
    writer->overflow = false;
}

void wire_put(struct wire_writer *writer, enum wire_tag tag, const void *bytes, size_t length)
{
    if (writer->overflow || length > UINT16_MAX ||
        length + FIELD_HEADER_BYTES > sizeof writer->bytes - writer->length) {
        writer->overflow = true;
        return;
    }
    uint8_t *at = writer->bytes + writer->length;
    at[0] = (uint8_t)tag;
    at[1] = (uint8_t)(length >> 8);
    at[2] = (uint8_t)(length & 0xff);
    if (length > 0)
        memcpy(at + FIELD_HEADER_BYTES, bytes, length);
    writer->length += FIELD_HEADER_BYTES + length;
}

void wire_put_byte(struct wire_writer *writer, enum wire_tag tag, uint8_t value)
{
    wire_put(writer, tag, &value, sizeof value);
}

void wire_put_uint32(struct wire_writer *writer, enum wire_tag tag, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 8), (uint8_t)value};

    wire_put(writer, tag, bytes, sizeof bytes);
}

/* Splits the fields into a table by tag; false for an unknown or repeated tag and
 * for a length that passes the end. */
static bool split_fields(const uint8_t *bytes, size_t length, struct wire_field *fields)
{
    size_t at = HEADER_BYTES;

    while (at < length) {
        if (length - at < FIELD_HEADER_BYTES)
            return false;
        const uint8_t tag = bytes[at];
        const size_t field_length = (size_t)bytes[at + 1] << 8 | bytes[at + 2];
        at += FIELD_HEADER_BYTES;
        if (tag == 0 || tag >= WIRE_TAG_LIMIT || fields[tag].bytes != NULL ||
            field_length > length - at)
            return false;
        fields[tag].bytes = bytes + at;
        fields[tag].length = field_length;
        at += field_length;
    }
    return true;
}

/* True where exactly the tags of the bit set `allowed` are there. */
static bool has_exactly(const struct wire_field *fields, unsigned allowed)
{
    for (unsigned tag = 1; tag < WIRE_TAG_LIMIT; tag++)
        if ((fields[tag].bytes != NULL) != ((allowed >> tag & 1) != 0))
            return false;
    return true;
}

static bool decode_text(const struct wire_field *fields, struct wire_back_end_message *message)
{
    if (!has_exactly(fields, 1u << WIRE_TEXT | 1u << WIRE_STYLE))
        return false;
    message->text = fields[WIRE_TEXT];
    if (fields[WIRE_STYLE].length != 1 || message->text.length > WIRE_MAX_TEXT_BYTES ||
        memchr(message->text.bytes, '\0', message->text.length) != NULL)
        return false;
    message->style = fields[WIRE_STYLE].bytes[0];
    return message->style <= 1;
}

static bool decode_verdict(const struct wire_field *fields, struct wire_back_end_message *message)
{
    if (!has_exactly(fields, 1u << WIRE_CODE | 1u << WIRE_NONCE) ||
        fields[WIRE_CODE].length != 1 || fields[WIRE_NONCE].length != WIRE_NONCE_BYTES)
        return false;
    message->code = fields[WIRE_CODE].bytes[0];
    message->nonce = fields[WIRE_NONCE].bytes;
    return true;
}

bool wire_decode(const uint8_t *bytes, size_t length, struct wire_back_end_message *message)
{
    struct wire_field fields[WIRE_TAG_LIMIT] = {{NULL, 0}};

    if (length < HEADER_BYTES || length > WIRE_MAX_MESSAGE_BYTES || bytes[0] != WIRE_VERSION ||
        !split_fields(bytes, length, fields))
        return false;
    memset(message, 0, sizeof *message);
    switch (bytes[1]) {
    case WIRE_HELLO:
        message->type = WIRE_HELLO;
        return has_exactly(fields, 0);
    case WIRE_PROMPT:
    case WIRE_MESSAGE:
        message->type = bytes[1] == WIRE_PROMPT ? WIRE_PROMPT : WIRE_MESSAGE;
        return decode_text(fields, message);
    case WIRE_VERDICT:
        message->type = WIRE_VERDICT;
        return decode_verdict(fields, message);
    default:
        return false;
    }
}
