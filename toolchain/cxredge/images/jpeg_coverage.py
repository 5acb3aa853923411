"""Whether the coded data of a JPEG stream covers the whole picture that its header claims.

No decoder says so: where data ends early they go on with zero bits, and a film cut in half is a film whose lower half
is grey. Huffman-coded DCT streams (SOF0, SOF1, SOF2) are walked to their last block, see ``jpeg_scans``; lossless JPEG
and JPEG-LS, whose every bit shows in a pixel, are decoded twice, see ``jpeg_fill``. Arithmetic coding cannot be judged,
because its encoders leave out what ends in zeros (T.81 D.1.8), and is refused with the processes that nobody reads.

What cannot be seen: a height that was raised within the last row of MCUs, and bits that changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cxredge.errors import InputError
from cxredge.images.codestream import Coding, ends_alone
from cxredge.images.jpeg_fill import check_fill
from cxredge.images.jpeg_huffman import SURPLUS
from cxredge.images.jpeg_scans import first_ac, first_dc, next_ac, next_dc, sequential
from cxredge.images.jpeg_structure import JPEG_LS, LOSSLESS, RESTARTS, Frame, Scan, parse

PROGRESSIVE = 0xC2
PROCESSES = {
    0xC0: "baseline",
    0xC1: "extended sequential, Huffman",
    PROGRESSIVE: "progressive, Huffman",
    LOSSLESS: "lossless, Huffman",
    JPEG_LS: "JPEG-LS",
}
"""The coding processes that are read, by frame marker."""
LEAST_SAMPLES, SAMPLES_A_BYTE = 1 << 20, 512
"""So many samples of a JPEG-LS stream are always looked for, and so many more for each byte of coded data."""
_STUFFED = re.compile(rb"\xff+\x00")


def check_coverage(what: str, stream: bytes, alone: bool = False) -> Coding:
    """Hold a JPEG or JPEG-LS stream's coded data against its frame header, and say how it is coded.

    alone: whether nothing but padding may stand behind the picture, as another one would. Raises InputError
    IMG-TRUNCATED (data, a scan, or a band of coefficients is missing), IMG-DAMAGED (structure, tables or codes are
    wrong, two frame headers, DNL), IMG-SYNTAX (a coding process that is not read), IMG-SIZE (more segments or pieces
    than are read).
    """
    try:
        frame, scans, end = parse(stream)
        if alone and not ends_alone(stream, end):
            raise ValueError("something stands behind the compressed image")
        if frame.process not in PROCESSES:
            raise InputError(
                "IMG-SYNTAX",
                f"{what}: the compressed image is coded by a process that is not read (SOF{frame.process & 15})",
                "save it as a baseline JPEG",
                PROCESSES.values(),
            )
        _check_lossless(what, frame, scans)
        for scan in scans:
            _send(frame, scan)
            for start, end, first, units in _intervals(frame, scan):
                if frame.process not in (LOSSLESS, JPEG_LS):
                    _walk(frame, scan, _STUFFED.sub(b"\xff", stream[start:end]), first, units)
        if any(low != 0 for component in frame.components.values() for low in component.sent):
            raise EOFError("scans of the compressed image are missing")
        if frame.process in (LOSSLESS, JPEG_LS):
            check_fill(stream, [end for scan in scans for _, end, _ in scan.segments])
    except OverflowError as error:
        raise InputError("IMG-SIZE", f"{what}: {error}", "save it as a baseline JPEG") from error
    except EOFError as error:
        raise InputError("IMG-TRUNCATED", f"{what}: {error}", "copy or export the film again") from error
    except (ValueError, LookupError) as error:
        cause = error if isinstance(error, ValueError) else "the compressed image's headers contradict each other"
        raise InputError("IMG-DAMAGED", f"{what}: {cause}", "export the film again") from error
    if frame.process == JPEG_LS:
        return "rounded" if any(scan.band[0] for scan in scans) else "lossless"
    return "lossless" if frame.process == LOSSLESS else "cosine"


def _check_lossless(what: str, frame: Frame, scans: list[Scan]) -> None:
    """Refuse what decoders of lossless JPEG and JPEG-LS read wrongly, or take long to find missing."""
    if frame.process not in (LOSSLESS, JPEG_LS):
        return
    if any(scan.bits[1] for scan in scans):
        raise InputError(
            "IMG-SYNTAX",
            f"{what}: the compressed image has a point transform, which is not read",
            "convert the film to Explicit VR Little Endian",
        )
    if frame.process == LOSSLESS and any(not 1 <= scan.band[0] <= 7 for scan in scans):
        raise ValueError("the compressed image has a predictor that is none")
    samples = sum(component.units for component in frame.components.values())
    coded = sum(end - start for scan in scans for start, end, _ in scan.segments)
    # lossless JPEG has a code of one bit at least for each sample; JPEG-LS has runs, but a film is not made of them
    if samples > (8 * coded if frame.process == LOSSLESS else LEAST_SAMPLES + SAMPLES_A_BYTE * coded):
        raise EOFError(f"the coded data of {coded} bytes cannot be that of {samples} samples")


def _send(frame: Frame, scan: Scan) -> None:
    """Note what a scan sends, and refuse one that sends it twice or out of turn (T.81 G.1.1.1.1)."""
    first, last, before, low = 0, 63, 0, 0
    if frame.process == PROGRESSIVE:
        (first, last), (before, low) = scan.band, scan.bits
        alone = len(scan.components) == 1 and all(component.sent[0] >= 0 for component in scan.components)
        if not (first == last == 0 or (0 < first <= last <= 63 and alone)) or (before and low != before - 1):
            raise ValueError("the compressed image has a scan out of turn")
    for component in scan.components:
        if any(sent != (before or -1) for sent in component.sent[first : last + 1]):
            raise ValueError("the compressed image sends the same coefficients twice, or out of turn")
        component.sent[first : last + 1] = [low] * (last + 1 - first)


def _intervals(frame: Frame, scan: Scan) -> Iterator[tuple[int, int, int, int]]:
    """Segments of coded data: start and end in the stream, the first MCU, and how many MCUs there must be."""
    units = scan.components[0].units if len(scan.components) == 1 else frame.units
    interval = scan.interval or units
    # T.87 counts lines where T.81 counts samples, so in JPEG-LS the numbers alone are checked
    wanted = len(scan.segments) if frame.process == JPEG_LS else -(-units // interval)
    for index, (start, end, behind) in enumerate(scan.segments[:wanted]):
        first = index * interval
        yield start, end, first, min(interval, units - first)
        if index < wanted - 1 and behind != RESTARTS[index % 8]:
            if behind in RESTARTS:
                raise ValueError("the compressed image has a restart marker out of turn")
            raise EOFError("the coded data ends before the image does")
    if len(scan.segments) < wanted:
        raise EOFError("the coded data ends before the image does")
    if sum(end - start for start, end, _ in scan.segments[wanted:]) > SURPLUS:
        raise ValueError("the coded data goes on behind the image")


def _walk(frame: Frame, scan: Scan, segment: bytes, first: int, units: int) -> None:
    """Count ``units`` MCUs from MCU ``first`` on in one segment, stuffing removed."""
    one = len(scan.components) == 1
    blocks = [
        (chosen >> 4, 16 | chosen & 15)
        for component, chosen in zip(scan.components, scan.selectors, strict=True)
        for _ in range(1 if one else component.across * component.down)
    ]
    if len(blocks) > 10:
        raise ValueError("the compressed image has more than ten blocks in an MCU")
    if frame.process != PROGRESSIVE:
        sequential(segment, [(scan.tables[dc], scan.tables[ac]) for dc, ac in blocks], units, frame.units > 1 << 13)
    elif scan.band[0] == 0 and scan.bits[0] == 0:
        first_dc(segment, [scan.tables[dc] for dc, _ in blocks], units)
    elif scan.band[0] == 0:
        next_dc(segment, units * len(blocks))
    else:
        component, table = scan.components[0], scan.tables[blocks[0][1]]
        if not component.history:
            component.history.extend([0] * component.units)
        walk = next_ac if scan.bits[0] else first_ac
        walk(segment, table, component.history, (first, first + units), scan.band)
