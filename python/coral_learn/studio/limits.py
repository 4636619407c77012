"""What the studio accepts at most, so that no request can fill the memory or the disk."""

MAX_PICTURE_BYTES = 60_000_000
MAX_ARCHIVE_BYTES = 1_500_000_000  # of an archive or a video
MAX_REQUEST_BYTES = MAX_ARCHIVE_BYTES + 10_000_000  # with what a form adds to its files
MAX_FILES = 10_000  # in one request
SPARE_BYTES = 200_000_000  # that stay free on the disk
MAX_FRAME_BYTES = 4_000_000  # of a frame for the preview
MAX_JSON_BYTES = 2_000_000
MAX_SOCKETS = 100
MAX_REQUESTS_PER_SECOND = 500  # of one visitor; scrolling fast asks for about 100 thumbnails
