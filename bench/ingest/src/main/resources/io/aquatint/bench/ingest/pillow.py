"""Prepares pictures as ingest does. Prints the milliseconds of processor time that it took, without the start of Python."""

import sys
import time
from pathlib import Path

from PIL import Image, ImageOps

size, out = int(sys.argv[1]), Path(sys.argv[2])
begin = time.process_time()
for name in sys.argv[3:]:
    image = ImageOps.exif_transpose(Image.open(name)).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side)).resize((size, size), Image.LANCZOS)
    image.save(out / (Path(name).stem + ".png"))
print((time.process_time() - begin) * 1000)
