"""Reading protobuf messages with the standard library: field numbers and their raw values.

Only what is on the wire: varints, fixed 32 and 64 bits, and length-delimited bytes, which may be a
string, a message or packed numbers. The caller knows the schema.
"""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10

Value = int | memoryview


class ProtoError(ValueError):
    """The bytes are no protobuf message; the message is one line without the file's name."""


def fields(message: bytes | memoryview) -> Iterator[tuple[int, Value]]:
    """Field number and value of every field, in the order of the bytes.

    Varints and fixed numbers come as unsigned integers, the rest as views of the bytes. The time
    is linear in the length of the message.

    Raises:
        ProtoError: truncated or malformed bytes, as soon as they are reached.
    """
    for number, value, _ in spans(message):
        yield number, value


def spans(message: bytes | memoryview) -> Iterator[tuple[int, Value, memoryview]]:
    """As `fields`, with all bytes of each field, its key among them."""
    data = memoryview(message)
    position = 0
    while position < len(data):
        start = position
        key, position = varint(data, position)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ProtoError(f"field number 0 at byte {position}")
        value, position = _value(data, position, wire)
        yield number, value, data[start:position]


def messages(message: bytes | memoryview, number: int) -> Iterator[memoryview]:
    """The length-delimited values of one field number."""
    for found, value in fields(message):
        if found == number and isinstance(value, memoryview):
            yield value


def varint(data: memoryview, position: int) -> tuple[int, int]:
    """A variable-length integer and the position after it."""
    value = 0
    for index, byte in enumerate(data[position : position + MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise ProtoError(f"no end to the number at byte {position}")


def _value(data: memoryview, position: int, wire: int) -> tuple[Value, int]:
    if wire == VARINT:
        return varint(data, position)
    if wire == BYTES:
        size, position = varint(data, position)
    elif wire in (FIXED64, FIXED32):
        size = 8 if wire == FIXED64 else 4
    else:
        raise ProtoError(f"wire type {wire} at byte {position}")
    end = position + size
    if end > len(data):
        raise ProtoError(f"{size} bytes at byte {position} lie outside the {len(data)} there are")
    value = data[position:end]
    return (value if wire == BYTES else int.from_bytes(value, "little")), end


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return _written(number << 3 | BYTES) + _written(len(content)) + content


def _written(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
