"""The words that are understood. What is not here is not guessed at: it is left out of the drawing.

Each row: what it means, how the slate says it, and the words. Rows that are more exact stand before the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """code: what it means.  label: how the slate says it.  words: a pattern."""

    code: str
    label: str
    words: re.Pattern[str]


def _row(code: str, label: str, words: str) -> Row:
    return Row(code, label, re.compile(rf"(?<![\w-])(?:{words})(?![\w])", re.I))


SIZES = (
    _row("ECU", "EXTREME CLOSE-UP", r"extreme close[- ]?ups?|macro(?: shot)?|ecu"),
    _row("MCU", "MEDIUM CLOSE-UP", r"medium close[- ]?ups?|mcu|head and shoulders|bust shot"),
    _row("OTS", "OVER THE SHOULDER", r"over[- ]the[- ]shoulder|ots"),
    _row("CU", "CLOSE-UP", r"close[- ]?ups?|cu|headshot|portrait(?: shot| of)|tight (?:shot|on)|closely framed"),
    _row("MS", "MEDIUM", r"medium(?: shot| wide| full)?|mid[- ]?shot|waist[- ]up|ms|two[- ]shot|cowboy shot"),
    _row("FS", "FULL", r"full[- ](?:body|length|shot)(?: shot)?|head[- ]to[- ]toe"),
    _row(
        "AERIAL",
        "AERIAL",
        r"aerials?|drones?(?: shot| footage| view)?|bird'?s[- ]eye|top[- ]down|overhead|fly(?:ing)?[- ]?over|from above"
        r"|helicopter shot",
    ),
    _row("EWS", "EXTREME WIDE", r"extreme(?:ly)? wide|establishing(?: shot)?|vast|panoram(?:a|ic)|epic wide|ews"),
    _row("WS", "WIDE", r"wide(?:[- ](?:shot|angle|view))?|long shot|ws|landscape shot"),
)

MOVES = (
    _row(
        "push_in",
        "PUSH IN",
        r"push(?:es|ing)?[- ]?in(?:to|wards?)?|doll(?:y|ies|ying)[- ]in|zoom(?:s|ing)?[- ]?in|creeps? in"
        r"|track(?:s|ing)? in"
        r"|mov(?:es?|ing) (?:in )?closer|slow(?:ly)? zoom|camera approach(?:es|ing)",
    ),
    _row(
        "pull_out",
        "PULL OUT",
        r"pull(?:s|ing)?[- ]?(?:out|back|away)|doll(?:y|ies|ying)[- ](?:out|back)|zoom(?:s|ing)?[- ]?out|widens? out"
        r"|reveal(?:s|ing)?(?: shot)?",
    ),
    _row("pan_left", "PAN LEFT", r"(?:whip[- ])?pan(?:s|ning)?(?: slowly)?(?: (?:to the|towards?))? left"),
    _row(
        "pan_right", "PAN RIGHT", r"(?:whip[- ])?pan(?:s|ning)?(?: shot| slowly| (?:to the |towards? )?right| across)?"
    ),
    _row("tilt_down", "TILT DOWN", r"tilt(?:s|ing)?(?: slowly)? down|crane(?:s|ing)? down|boom(?:s|ing)? down"),
    _row(
        "tilt_up",
        "TILT UP",
        r"tilt(?:s|ing)?(?: slowly)?(?: up)?|crane(?:s|ing)?(?: shot| up)|boom(?:s|ing)? up|jib(?: shot| up)?",
    ),
    _row("track_left", "TRACK LEFT", r"(?:track|truck|doll|slid)\w*(?: shot)?(?: to the)? left(?! to right)"),
    _row(
        "track_right",
        "TRACK",
        r"track(?:s|ing)?(?: shot| right)?|trucking|dolly(?:ing)?(?: shot| right)?|follow(?:s|ing)?(?: shot)?"
        r"|slider shot"
        r"|lateral(?:ly)?|steadicam",
    ),
    _row("aerial", "FLY OVER", r"aerials?|drones?(?: shot| footage)?|fl(?:y|ies|ying)[- ]?over|helicopter shot"),
    _row("handheld", "HANDHELD", r"hand[- ]?held|shak(?:y|ing) cam(?:era)?|v[ée]rit[ée]|documentary[- ]style"),
    _row("orbit", "ORBIT", r"orbit(?:s|ing)?(?: shot)?|arc shot|camera circl(?:es|ing)|circl(?:es|ing) around|360"),
    _row("static", "LOCKED OFF", r"static(?: shot| camera)?|locked[- ]?off|tripod(?: shot)?|still shot|fixed camera"),
)

PLACES = (
    _row(
        "space",
        "DEEP SPACE",
        r"(?:outer|deep|in|through|of) space|galax(?:y|ies)|nebulae?|planets?|starships?|spaceships?|spacecraft"
        r"|asteroids?"
        r"|cosmos|cosmic|astronauts?|orbiting (?:the )?(?:earth|planet|moon)|lunar surface|mars",
    ),
    _row(
        "city",
        "CITY",
        r"cit(?:y|ies)|skylines?|streets?|urban|downtown|skyscrapers?|rooftops?|neon signs?|alleys?|tokyo|new york"
        r"|manhattan|london|paris|berlin|hong kong|shanghai|cyberpunk|metropolis|traffic|crosswalk|boulevard|avenue",
    ),
    _row("beach", "BEACH", r"beach(?:es)?|seashore|shoreline|sandy shore|tropical island|palm trees?"),
    _row(
        "coast",
        "COAST",
        r"oceans?|seas?|coast(?:s|al|line)?|lighthouses?|harbou?rs?|waves|islands?|ships?|sail(?:boats?|ing ships?)"
        r"|yachts?|surf(?:er|ers|ing)?|seaside|fjords?",
    ),
    _row("lake", "LAKE", r"lakes?|rivers?|ponds?|riverbank|canoes?|kayaks?|lagoon"),
    _row("forest", "FOREST", r"forests?|woods|jungle|woodlands?|groves?|pines|rainforest|redwoods?"),
    _row("desert", "DESERT", r"deserts?|dunes?|sahara|canyons?|wasteland|arid|savannah?"),
    _row(
        "interior",
        "ROOM",
        r"interior|indoors?|(?:living |bed|bath|class|dining |court|hotel |dark |empty )?rooms?|kitchens?"
        r"|offices?|caf[eé]s?"
        r"|restaurants?|bar counter|hallways?|corridors?|laborator(?:y|ies)|apartments?|librar(?:y|ies)|desks?"
        r"|workshops?"
        r"|museum|basement|attic|diner|coffee ?shop|studio apartment|kitchen table|bedrooms?|classrooms?",
    ),
    _row(
        "studio",
        "STUDIO",
        r"product shots?|photo studio|studio (?:shot|light(?:ing)?|backdrop)|packshots?|perfume|turntable"
        r"|pedestals?|podium"
        r"|seamless background|commercial shot|white background|black background|cyclorama",
    ),
    _row("snow", "SNOWFIELD", r"snowfields?|arctic|antarctica?|tundra|glaciers?|snowy (?:plain|field|landscape)"),
    _row(
        "mountain",
        "MOUNTAINS",
        r"mountains?|alps|alpine|peaks?|cliffs?|summits?|ridges?|volcano(?:es)?|himalayas?|rocky (?:hill|ridge)",
    ),
    _row(
        "field",
        "FIELD",
        r"fields?|meadows?|hills?|hillside|valleys?|prairie|grass(?:y|land)?|countryside|farms?|farmland"
        r"|villages?|pastures?"
        r"|vineyards?|parks?|gardens?|wheat|cottages?|barns?|country road|highways?|roads?|playground|landscape",
    ),
    _row(
        "sky",
        "SKY",
        r"(?:blue |open |cloudy |clear |night |starry )?sk(?:y|ies)|clouds|above the clouds|mid-?air|airborne",
    ),
)
INSIDE = frozenset({"interior", "studio"})
OUTSIDE_WORDS = re.compile(r"\b(?:outside|exterior|ext\.|outdoors?)(?=\W|$)", re.I)
INSIDE_WORDS = re.compile(r"\b(?:inside|interior|int\.|indoors?)(?=\W|$)", re.I)

TIMES = (
    _row("neon", "NIGHT / NEON", r"neon(?:[- ]lit| lights?| signs?)?|cyberpunk|synthwave|vaporwave|blade runner"),
    _row("night", "NIGHT", r"nights?(?:time|fall)?|midnight|moonlit|moonlight|moon|starry|starlit|after dark"),
    _row("dawn", "DAWN", r"dawn|sunrise|early morning|first light|daybreak|morning"),
    _row("golden", "GOLDEN HOUR", r"golden(?:[- ]hour| light)|sunset|setting sun|late afternoon|warm (?:sun)?light"),
    _row("dusk", "DUSK", r"dusk|twilight|blue hour|evening"),
    _row("storm", "STORM", r"storm(?:s|y)?|storm clouds|thunder(?:storm)?|lightning|hurricane|tempest"),
    _row(
        "overcast",
        "OVERCAST",
        r"overcast|fog(?:gy)?|mist(?:y)?|rain(?:y|ing|s)?|gr[ae]y sky|cloudy|gloomy|drizzle|haze",
    ),
    _row("day", "DAY", r"noon|midday|daylight|daytime|sunny|sunlit|sunshine|bright day|afternoon|day|blue sky|summer"),
)

WEATHERS = (
    _row("rain", "RAIN", r"rain(?:y|ing|s|fall|storm)?|storms?|stormy|thunderstorms?|downpour|drizzle"),
    _row("snow", "SNOW", r"snow(?:s|y|ing|fall|flakes?|storm)?|blizzard|flurries"),
    _row("fog", "FOG", r"fog(?:gy)?|mist(?:y|s)?|haz[ey]|smok[ey]|steam"),
    _row("embers", "EMBERS", r"embers?|sparks?|burning|on fire|flames?|lava|(?:camp|bon)fire|explosion"),
    _row("dust", "DUST", r"dust(?:y)?|sandstorm|pollen|floating particles|fireflies|god rays"),
)

_PEOPLE = (
    r"m[ae]n|wom[ae]n|girls?|boys?|persons?|people|hero(?:es|ines?)?|detectives?|child(?:ren)?|kids?"
    r"|scientists?|dancers?"
    r"|runners?|hikers?|actors?|actress(?:es)?|characters?|she|he|her|his|their faces?|faces?|soldiers?|kings?|queens?"
    r"|travell?ers?|explorers?|samurai|monks?|singers?|couples?|keeper|fisherm[ae]n|chefs?|baristas?|drivers?|pilots?"
    r"|strangers?|figures?|silhouettes?|commuters?|students?|teachers?|doctors?|nurses?|artists?|musicians?|surfers?"
    r"|skiers?|climbers?|cyclists?|crowds?|pedestrians?|famil(?:y|ies)|friends|workers?|farmers?|someone|somebody"
    r"|grand(?:mother|father)|mother|father|bab(?:y|ies)|toddlers?|teenagers?|athletes?|astronomers?|painters?|models?"
    r"|presenters?|speakers?|narrators?|wanderers?|pirates?|knights?|wizards?|witch(?:es)?|princess(?:es)?|princes?"
)
SUBJECTS = (
    _row("lighthouse", "LIGHTHOUSE", r"lighthouses?"),
    _row("balloon", "BALLOON", r"balloons?"),
    _row("hot_air_balloon", "HOT-AIR BALLOON", r"hot[- ]air balloons?"),
    _row("car", "CAR", r"cars?|taxis?|sports? cars?|suvs?|sedans?|convertibles?|automobiles?|race ?cars?|vehicles?"),
    _row("bus", "BUS", r"bus(?:es)?|vans?|camper(?: ?van)?s?|minibus"),
    _row("train", "TRAIN", r"trains?|locomotives?|trams?|subway train"),
    _row("bicycle", "BICYCLE", r"bicycles?|bikes?|cyclists?"),
    _row("airplane", "AIRPLANE", r"(?:air|aero)planes?|planes?|jets?|airliners?|aircraft"),
    _row("sailboat", "SAILBOAT", r"sail(?:ing )?boats?|sailing ships?|yachts?|ships?|schooners?"),
    _row("boat", "BOAT", r"boats?|canoes?|kayaks?|rowing boats?|gondolas?|dinghy"),
    _row("rocket", "ROCKET", r"rockets?|spaceships?|starships?|space ?shuttles?|spacecraft"),
    _row("astronaut", "ASTRONAUT", r"astronauts?|cosmonauts?|spacewalkers?"),
    _row("robot", "ROBOT", r"robots?|androids?|droids?|mechs?"),
    _row("dog", "DOG", r"dogs?|pupp(?:y|ies)|hounds?|retrievers?|corgis?|huskies|husky"),
    _row("cat", "CAT", r"cats?|kittens?|kitty"),
    _row("horse", "HORSE", r"horses?|stallions?|mares?|ponies|pony"),
    _row(
        "bird", "BIRD", r"birds?|eagles?|(?:sea)?gulls?|hawks?|swallows?|cranes flying|doves?|crows?|ravens?|falcons?"
    ),
    _row("fish", "FISH", r"fish(?:es)?|goldfish|koi"),
    _row("whale", "WHALE", r"whales?|orcas?"),
    _row("butterfly", "BUTTERFLY", r"butterfl(?:y|ies)|moths?"),
    _row("house", "HOUSE", r"houses?|cabins?|cottages?|barns?|huts?|chalets?|farmhouses?|homes?"),
    _row("castle", "CASTLE", r"castles?|fortress(?:es)?|palaces?|citadels?"),
    _row("tower", "TOWER", r"towers?|skyscrapers?"),
    _row("windmill", "WINDMILL", r"windmills?"),
    _row("bridge", "BRIDGE", r"bridges?"),
    _row("tent", "TENT", r"tents?|campsites?|camping"),
    _row("bottle", "BOTTLE", r"bottles?|perfumes?|flasks?|lotions?"),
    _row("cup", "CUP", r"cups?|mugs?|(?:coffee|tea)(?! ?shop)|espresso|cappuccino|latte"),
    _row("phone", "PHONE", r"(?:smart|mobile |cell )?phones?|iphones?"),
    _row("laptop", "LAPTOP", r"laptops?|computers?|notebooks?"),
    _row("book", "BOOK", r"books?|diar(?:y|ies)|novels?|letters?"),
    _row("sneaker", "SHOE", r"sneakers?|shoes?|trainers|boots?"),
    _row("watch", "WATCH", r"wrist ?watch(?:es)?|(?:luxury|gold|silver|steel|smart) ?watch(?:es)?"),
    _row("flower", "FLOWER", r"flowers?|roses?|tulips?|sunflowers?|dais(?:y|ies)|poppies|poppy"),
    _row("tree", "TREE", r"(?:lone |old |oak |single )?trees?|oaks?"),
    _row("person", "PERSON", _PEOPLE),
)
FACES = re.compile(r"\b(?:faces?|eyes?|portrait|headshot)\b", re.I)

TWO = re.compile(r"\b(?:two|couple|pair|both|duo|twins|lovers|bride and groom|mother and|father and)\b", re.I)
MANY = re.compile(
    r"\b(?:three|four|five|several|many|group|crowds?|people|team|friends|family|families|children|kids|dancers"
    r"|soldiers"
    r"|students|workers|pedestrians|commuters|birds|gulls|seagulls|flock|herd|school of|balloons|boats|trees)\b",
    re.I,
)
NOT_THERE = re.compile(
    r"\b(?:no|without(?: any)?|never|not (?:a|any)|devoid of|free of)\s+(?:\w+[- ]){0,1}?\w+(?:\s+(?:or|and"
    r"|nor)\s+\w+)?",
    re.I,
)

RISING = re.compile(
    r"\b(?:ris(?:es?|ing)|float(?:s|ing)? (?:up|away|off)|lifts? off|takes? off|ascend(?:s|ing)?|soar(?:s|ing)?)\b",
    re.I,
)
FALLING = re.compile(r"\b(?:falls?|falling|drops?|sinks?|sinking|descend(?:s|ing)?|lands?|landing)\b", re.I)
TRAVELLING = re.compile(
    r"\b(?:walk(?:s|ing)?|runs?|running|driv(?:es?|ing)|rides?|riding|sail(?:s|ing)?|fl(?:y|ies|ying)|swims?"
    r"|swimming|glid(?:es?|ing)"
    r"|speed(?:s|ing)?|race[sd]?|racing|gallop(?:s|ing)?|passes|passing|moves|moving|drift(?:s|ing)?"
    r"|cruis(?:es?|ing)|float(?:s|ing)?)\b",
    re.I,
)
