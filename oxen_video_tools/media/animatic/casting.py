"""Puts what a shot is about onto its plate: how large, where, in which light."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .layer import Layer
from .noise import Floats, enlarged, outline
from .palette import BLACK, NAMED, WHITE, Colour, mix
from .plate import Plate, shaded
from .shapes import CASTS, Cast, people

SCALES = {  # against a full shot
    **{"ECU": 2.6, "CU": 1.9, "MCU": 1.6, "OTS": 1.35, "MS": 1.35, "FS": 1.0, "WS": 0.55, "EWS": 0.24, "AERIAL": 0.26},
}
PEOPLE = frozenset({"person", "robot", "astronaut"})
BUSTS = {"ECU": 1.05, "CU": 0.64, "MCU": 0.45, "MS": 0.31, "OTS": 0.40}  # height of the head in frames
LAMP: Colour = (255, 232, 170)
ON_HILLS = frozenset({"house", "castle", "tower", "windmill", "tent", "tree"})
PLACES_OF_MANY = (0.0, -0.34, 0.36, -0.64, 0.70)


def cast(plate: Plate) -> None:
    """Adds the subject, if the words name one that can be drawn."""
    subject = plate.direction.subject
    if subject == "lighthouse":
        _lighthouse(plate)
    elif subject == "person" and plate.framing in BUSTS:
        _faces(plate)
    elif subject in CASTS:
        _stand(plate, CASTS[subject])


def _colour(plate: Plate, close: bool) -> Colour:
    """Dark against the light; a colour that the words give, in the light that there is."""
    named = NAMED.get(plate.direction.colour)
    if named is not None:
        return mix(named, plate.palette.near, 0.55 if plate.palette.lit else 0.12)
    if plate.direction.subject == "balloon":
        return mix(plate.palette.near, plate.palette.horizon, 0.25)
    return shaded(plate.palette.near, 0.10 if close else 0.25)


def _faces(plate: Plate) -> None:
    """Head and shoulders; two of them for two people, an over-the-shoulder look past somebody."""
    height = plate.unit * BUSTS[plate.framing]
    eyes = {"ECU": 0.52, "CU": 0.45, "MCU": 0.42, "MS": 0.38, "OTS": 0.40}[plate.framing]
    head_top = plate.frame[1] + (plate.frame[3] - plate.frame[1]) * eyes - height * 0.48
    two = plate.direction.count > 1 and plate.framing in ("MCU", "MS")
    third = plate.unit * (0.33 if two else 0.10 if plate.framing != "ECU" else 0.0)
    for side in (-1, 1) if two else (-plate.light_side,):
        _bust(plate, plate.width / 2 + side * third, head_top, height)
    if plate.framing == "OTS":
        _shoulder(plate)


def _bust(plate: Plate, x: float, top: float, head: float) -> None:
    """head: height of the head in pixels."""
    tall = head / 0.37
    visible = min(tall, plate.height - top)
    wide, rows = int(tall) & ~1, int(visible) & ~1
    mask = Image.new("L", (wide * 2, rows * 2))
    people.bust(ImageDraw.Draw(mask), wide * 2, int(tall) * 2)
    alpha = np.asarray(mask.reduce(2))
    colour = mix(shaded(plate.palette.near, 0.10), plate.palette.mid, 0.10)
    shade = _form(alpha, head * 0.16, 1 if plate.sun[0] > x else -1)
    plate.place(alpha, x, top + rows, colour, 0.9, rim=plate.palette.rim, subject=True, shade=shade)


def _form(alpha: np.ndarray, reach: float, side: int) -> Floats:
    """Luma for roundness: lighter where the shape turns to the light."""
    step = 8
    small = Image.fromarray(alpha).reduce(step)
    soft = np.asarray(small.filter(ImageFilter.GaussianBlur(reach / step)), np.float32)
    slope = np.gradient(soft, axis=1) * -side * (reach / step)
    form: Floats = np.clip(slope / 255, -0.3, 1) * 58
    return form.astype(np.float32)


def _shoulder(plate: Plate) -> None:
    side = int(plate.unit * 0.95) & ~1
    mask = Image.new("L", (side, side))
    people.behind(ImageDraw.Draw(mask), side, side)
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(plate.unit * 0.012)))
    x = plate.width / 2 + plate.light_side * min(plate.unit * 0.52, (plate.frame[2] - plate.frame[0]) * 0.36)
    plate.place(soft, x, plate.height + plate.unit * 0.02, shaded(plate.palette.near, 0.5), 0.99, subject=True)


def _stand(plate: Plate, role: Cast) -> None:
    """One, two or several of them where they belong."""
    tall = plate.unit * role.tall * _scale(plate, role)
    tall = min(tall, plate.unit * 1.3, (plate.frame[2] - plate.frame[0]) * 1.15 / role.wide)
    count = min(plate.direction.count, 2 if plate.close else 5)
    places = (-0.36, 0.36) if count == 2 else PLACES_OF_MANY[: max(1, count + (count > 2))]
    x, base = _spot(plate, role, tall)
    colour, rim = _colour(plate, plate.close), plate.palette.rim
    for n, place in enumerate(places):
        size = tall * (1.0 if count == 1 else 0.82 - 0.09 * abs(place) * (1 + n % 2))
        at = x + place * plate.unit * min(0.9, max(0.35, _scale(plate, role)))
        foot = base - (tall * 0.12 * (n % 3) if role.stands == "air" else plate.unit * 0.015 * (n % 3))
        layer = plate.stamp(
            role.shape, size * role.wide, size, at, foot, colour, _depth(plate, role) - 0.004 * n, rim=rim, subject=True
        )
        _shine(plate, layer, role)
        layer.drift = _drift(plate, role)
    if plate.direction.subject in ON_HILLS and plate.direction.place not in ("city", "interior", "studio", "space"):
        hill(plate, x, base, tall * role.wide * 0.6)
    if role.stands == "water":
        _wake(plate, x, base, tall * role.wide)
    if plate.direction.subject == "car" and plate.palette.lit:
        _headlights(plate, x, base, tall * role.wide)
    if plate.direction.subject in ("house", "tent", "castle") and plate.palette.lit:
        plate.glow(x - tall * role.wide * 0.19, base - tall * 0.29, tall * 0.34, LAMP, 0.85, 0.883)


def _scale(plate: Plate, role: Cast) -> float:
    scale = SCALES[plate.framing]
    if role.stands == "hand":
        return max(0.9, scale)
    return max(scale, 0.85) if plate.direction.place in ("interior", "studio") else scale


def _depth(plate: Plate, role: Cast) -> float:
    if plate.direction.place == "space":
        return 0.6
    return {"water": 0.5, "air": 0.7, "hand": 0.75}.get(role.stands, 0.88)


def _spot(plate: Plate, role: Cast, tall: float) -> tuple[float, float]:
    """The middle and the foot of the subject: off centre, inside the frame, its feet on the ground."""
    frame_height = plate.frame[3] - plate.frame[1]
    aside = 0.0 if plate.close or plate.direction.place == "studio" or role.stands == "hand" else 0.12
    x = plate.width / 2 - plate.light_side * aside * (plate.frame[2] - plate.frame[0])
    middle = plate.frame[1] + frame_height * 0.47
    lowest = plate.frame[1] + frame_height * (
        0.80 if tall < frame_height * 0.55 else 0.87 if tall < frame_height else 1.12
    )
    if role.stands == "air" or plate.direction.place in ("space", "sky"):
        return x, middle + tall * 0.5
    if role.stands == "hand":
        return x, (plate.ground if plate.direction.place == "studio" else middle + tall * 0.56)
    if role.stands == "water":
        return x, min(plate.horizon + plate.unit * (0.06 + 0.10 * SCALES[plate.framing]), lowest)
    return x, min(plate.ground + tall * 0.30, lowest)


def _drift(plate: Plate, role: Cast) -> tuple[float, float]:
    """What the verbs say, as pixels over the whole shot; nothing moves that stands."""
    way = plate.unit * 0.16
    motion = plate.direction.motion
    if motion == "rise" and role.stands == "air":
        return 0.0, -1.5 * way
    if motion == "fall" and role.stands == "air":
        return 0.0, way
    moving = role in (CASTS["car"], CASTS["bus"], CASTS["train"], CASTS["sailboat"], CASTS["boat"], CASTS["rocket"])
    if motion == "travel" and (moving or role.stands == "air"):
        return way, 0.0
    return 0.0, 0.0


def _shine(plate: Plate, layer: Layer, role: Cast) -> None:
    """Round things catch the light on one side."""
    if role.stands != "hand" and plate.direction.subject not in ("balloon", "hot_air_balloon"):
        return
    across = np.linspace(0, 1, layer.width, dtype=np.float32)[None, :]
    centre = 0.5 + 0.2 * plate.light_side
    light = 34 * np.exp(-(((across - centre) / 0.16) ** 2)) - 22 * np.abs(across - centre)
    layer.shade(light)


def _wake(plate: Plate, x: float, base: float, wide: float) -> None:
    """A reflection: a soft dark bar below the hull."""
    rows, columns = max(4, int(plate.unit * 0.045)) & ~1, max(8, int(wide * 1.1)) & ~1
    down = np.linspace(1, 0, rows, dtype=np.float32)[:, None] ** 1.4
    across = np.clip(1.3 - np.abs(np.linspace(-1.3, 1.3, columns, dtype=np.float32)), 0, 1)[None]
    alpha = (down * across * 120).astype(np.uint8)
    plate.place(alpha, x, base + rows * 0.92, shaded(plate.palette.near, 0.2), 0.495, subject=True)


def _headlights(plate: Plate, x: float, base: float, wide: float) -> None:
    y = base - wide * 0.17
    plate.glow(x + wide * 0.48, y, wide * 0.17, (255, 240, 200), 0.95, 0.885)
    plate.glow(x - wide * 0.485, y, wide * 0.10, (255, 40, 50), 0.9, 0.886)


def _lighthouse(plate: Plate) -> None:
    """On the cliff, with its lamp lit where it is not day, and the beam out to sea."""
    role = CASTS["lighthouse"]
    tall = plate.unit * {"EWS": 0.30, "AERIAL": 0.36, "WS": 0.46, "FS": 0.62}.get(plate.framing, 0.85)
    if plate.cliff is not None:
        side, edge = plate.cliff
        x = plate.width * (0.5 + 0.21 * side)
        near = edge[max(0, int(x - plate.unit * 0.05)) : int(x + plate.unit * 0.05) + 1]
        foot = float(np.percentile(near, 70)) + plate.unit * 0.03
    else:
        side, x, foot = -plate.light_side, plate.width * (0.5 - 0.15 * plate.light_side), plate.ground + tall * 0.1
    foot = min(foot, plate.frame[3] - plate.unit * 0.1)
    foot = max(foot, plate.frame[1] + tall + plate.unit * 0.13)
    colour = mix(_colour(plate, False), plate.palette.mid, 0.18)
    plate.stamp(role.shape, tall * role.wide, tall, x, foot, colour, 0.625, rim=plate.palette.rim, subject=True)
    if plate.direction.light == "day":
        return
    lamp = foot - tall * 0.86
    plate.glow(x, lamp, tall * 0.34, LAMP, 0.95, 0.626)
    _beam(plate, x, lamp, -side)


def _beam(plate: Plate, x: float, y: float, way: int) -> None:
    long, tall = int(plate.unit * 0.95) // 4 * 4, int(plate.unit * 0.40) // 4 * 4
    rows, columns = np.mgrid[0 : tall // 4, 0 : long // 4].astype(np.float32)
    along = columns / (long / 4)
    along = along if way > 0 else 1 - along
    off = np.abs(rows / (tall / 4) - 0.5 + 0.18 * along) / (0.03 + 0.20 * along)
    light = np.clip(1 - off, 0, 1) * (1 - along) ** 1.4 * 150
    alpha = np.clip(enlarged(light, long, tall), 0, 255).astype(np.uint8)
    plate.place(alpha, x + way * long / 2, y + tall / 2, mix(LAMP, WHITE, 0.2), 0.624, subject=True)


def hill(plate: Plate, x: float, base: float, wide: float) -> None:
    """A rise that a house or a castle stands on."""
    columns = np.arange(plate.width, dtype=np.float32)
    line = base - plate.unit * 0.035 + (1 - np.exp(-(((columns - x) / (wide * 1.1)) ** 2))) * plate.unit * 0.12
    line = line + (outline(plate.chance, plate.width, 6, 5) - 0.5) * plate.unit * 0.03
    colour = plate.palette.fog(0.88)
    plate.ridge(line.astype(np.float32), colour, mix(colour, BLACK, 0.4), 0.885, light=8)
