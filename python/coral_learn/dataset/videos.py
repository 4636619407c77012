"""Videos of a class: some frames of each are photos of the class."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # av is an extra, and photos without videos need no Pillow here
    from av import VideoFrame
    from av.container import InputContainer
    from PIL import Image

from ..words import counted, listed
from .different_frames import DifferentFrames
from .groups import Found, Group
from .temporary import TemporaryFolder

INSTALL_VIDEO = "pip install 'coral-learn[video]'"
_MAX_FRAMES = 30  # of one video, evenly spread
_MIN_SECONDS = 1.0  # between two frames
_SEEK_SECONDS = 5.0  # between two frames, from which on finding them is faster than decoding all


def take_frames(found: Found) -> Found:
    """Returns the photos with a group of its own for the frames of each video.

    About one frame a second is taken, at most 30 of a video, and none that looks like the one
    before it. Without PyAV, the videos are left out with a note.

    Raises:
        ValueError: A class has neither photos nor frames.
        OSError: A frame cannot be written.
    """
    groups: list[Group] = []
    broken: list[str] = []
    videos = sum(len(group.videos) for group in found.groups)
    can_read = find_spec("av") is not None
    for group in found.groups:
        frames: list[Group] = []
        for video in group.videos if can_read else ():
            folder = TemporaryFolder(video)
            try:
                paths = list(save_frames(video, folder.path))
            except VideoError as error:
                broken.append(f"{video}: {error}")
                continue
            found.temporary.append(folder)
            frames.append(Group(group.label, group.part, paths, [video]))
        if not group.photos and not frames:
            fix = f"Replace them ({broken[-1]})." if can_read else f"To use these: {INSTALL_VIDEO}."
            raise ValueError(f"the class {group.label!r} has no photos but videos. {fix}")
        groups += [group._replace(videos=[]), *frames]
    if not can_read:
        found.notes.append(f"ignored {counted(videos, 'video')}; to use videos: {INSTALL_VIDEO}")
    else:
        taken = sum(len(group.photos) for group in groups if group.videos)
        read = counted(videos - len(broken), "video")
        found.notes.append(f"{counted(taken, 'frame')} of {read} are used as photos")
    if broken:
        found.notes.append(
            f"ignored {counted(len(broken), 'video')} that cannot be read: {listed(broken)}"
        )
    return found._replace(groups=groups)


def upright_image(frame: "VideoFrame") -> "Image.Image":
    """Returns a frame of a video as a picture, turned as the video says."""
    image: Image.Image = frame.to_image().rotate(getattr(frame, "rotation", 0), expand=True)
    return image


class VideoError(ValueError):
    """A video is damaged, or has no pictures."""


def save_frames(video: Path, folder: Path) -> Iterator[Path]:
    """Writes frames of a video as JPEG files, and yields their paths.

    Raises:
        VideoError: The video is damaged, or has no pictures.
        ImportError: PyAV is not installed.
    """
    import av
    from av.error import FFmpegError

    frames = DifferentFrames()
    number = 0
    try:
        with av.open(str(video)) as container:
            for frame in _spread_frames(container):
                image = upright_image(frame)
                if not frames.is_new(image):
                    continue
                number += 1
                path = folder / f"{number:02}.jpg"
                image.save(path, quality=95)
                yield path
    except FFmpegError as error:
        raise VideoError(error.strerror or str(error)) from error
    if not number:
        raise VideoError("it has no pictures")


def _spread_frames(container: "InputContainer") -> "Iterator[VideoFrame]":
    """Yields frames of a video, at most :data:`_MAX_FRAMES`, evenly spread over its time."""
    if not container.streams.video:
        return
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    seconds = (container.duration or 0) / 1_000_000  # in microseconds; 0 if it is not known
    step = max(_MIN_SECONDS, seconds / _MAX_FRAMES)
    if step >= _SEEK_SECONDS:
        for number in range(_MAX_FRAMES):
            container.seek(int(number * step * 1_000_000))
            frame = next(container.decode(stream), None)
            if frame is not None:
                yield frame
        return
    taken = 0
    first = None
    for frame in container.decode(stream):
        time = frame.time or 0.0
        first = time if first is None else first
        if time - first >= taken * step:
            taken += 1
            yield frame
        if taken == _MAX_FRAMES:
            return
