#!/usr/bin/env python3
"""Draws the bars of docs/performance.svg from the files that bench/gpu --json writes. Usage: chart.py FILE... > docs/performance.svg"""
import json
import statistics
import sys

NAMES = {
    "sd15-lora-1": "LoRA step, SD 1.5, 1 picture",
    "sd15-lora-4": "LoRA step, SD 1.5, 4 pictures",
    "sdxl-lora-1": "LoRA step, SDXL, 1 picture",
    "sd15-dreambooth-2": "DreamBooth step, SD 1.5, 1 + 1 pictures",
    "sd15-sample-1": "30 sampling steps, SD 1.5, 1 picture",
    "sd15-sample-4": "30 sampling steps, SD 1.5, 4 pictures",
}
WIDTH, LEFT, BAR, GAP, RIGHT = 860, 290, 16, 18, 150


def main(files):
    medians = {}
    for file in files:
        with open(file, encoding="utf-8") as lines:
            for line in lines:
                result = json.loads(line)
                by = result["by"]
                if by in ("aquatint", "diffusers"):
                    medians.setdefault(result["name"].removesuffix("-cached"), {}).setdefault(by, []).append(result["median"])
    works = [work for work in NAMES if len(medians.get(work, {})) == 2]
    height = 40 + len(works) * (2 * BAR + GAP)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">')
    print('<rect width="100%" height="100%" fill="#ffffff"/>')
    print(f'<text x="{LEFT}" y="20" fill="#333333">milliseconds, each pair on its own scale: '
          '<tspan fill="#1f77b4">Aquatint</tspan>, <tspan fill="#888888">diffusers</tspan></text>')
    y = 34
    for work in works:
        ours, theirs = (statistics.median(medians[work][by]) for by in ("aquatint", "diffusers"))
        scale = (WIDTH - LEFT - RIGHT) / max(ours, theirs)
        print(f'<text x="{LEFT - 10}" y="{y + BAR + 5}" text-anchor="end" fill="#333333">{NAMES[work]}</text>')
        for time, colour, note in ((ours, "#1f77b4", f"{ours:.0f} ({theirs / ours:.1f} times as fast)"), (theirs, "#aaaaaa", f"{theirs:.0f}")):
            print(f'<rect x="{LEFT}" y="{y}" width="{time * scale:.1f}" height="{BAR - 2}" fill="{colour}"/>')
            print(f'<text x="{LEFT + time * scale + 6:.1f}" y="{y + BAR - 4}" fill="#333333">{note}</text>')
            y += BAR
        y += GAP
    print("</svg>")


if __name__ == "__main__":
    main(sys.argv[1:])
