"""A buffer like GStreamer's, without GStreamer."""


class GstBuffer:
    """Has the methods of GStreamer's ``Gst.Buffer`` that are used."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def get_size(self) -> int:
        return len(self.content)

    def extract_dup(self, offset: int, size: int) -> bytes:
        return self.content[offset : offset + size]
