"""A director: brief → cast and shots → stills → your approval → film → a look at each shot → retakes.

    pip install '.[all]' langchain langgraph-checkpoint-sqlite langchain-anthropic
    python examples/director.py "A lighthouse keeper finds a message in a bottle"

Without OXEN_API_KEY it runs in the sandbox, which is free. Stop it whenever you like: the same brief goes on where it
stopped, for the graph keeps its state in director.db, and no still and no take is paid twice, for the ledger knows
them all. The stills cost cents and are made before you are asked, at most CENTS dollars of them in each version.
"""

from __future__ import annotations

import argparse
import os
from typing import Any, TypedDict

from langchain.chat_models import init_chat_model
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel, Field

from oxen_video_tools.langchain import OxenVideoToolkit

RETAKES = 2  # of a shot, at most
CENTS = 0.5  # US dollars that the stills of one version may cost


class Shot(BaseModel):
    """One shot of the film."""

    prompt: str = Field(description="Shot size, subject, action, light and camera move, in one or two sentences.")
    duration: int = Field(description="5 or 10 seconds.")


class Member(BaseModel):
    """Somebody or something that must look the same in every shot."""

    name: str = Field(description="As the prompts call it: Mira.")
    look: str = Field(description="Age, hair, clothes; a few words.")


class Shotlist(BaseModel):
    """The film, shot by shot."""

    cast: list[Member] = Field(default=[], description="Who is seen in the shots; at most eight.")
    shots: list[Shot] = Field(description="Two to five shots that tell the brief, with the cast by name.")


class Verdict(BaseModel):
    """What you think of a take after looking at its contact sheet."""

    good: bool = Field(description="Whether it shows what the shot asks for, without black or frozen stretches.")
    why: str = Field(description="One sentence.")


class Film(TypedDict, total=False):
    """What the graph remembers. A scene is a shot with its take and, once it was made, its clip and the verdict."""

    brief: str
    notes: str
    cast: list[dict[str, Any]]
    scenes: list[dict[str, Any]]
    stills: list[dict[str, Any]]
    sheet: str
    plan: dict[str, Any]
    generation_id: str
    file: str


class Director:
    """The steps. model: any chat model that can call tools and see pictures."""

    def __init__(self, model: Any, **options: Any) -> None:
        # The whole is agreed to below, once; the tools then run without a question of their own.
        made = OxenVideoToolkit(approval="middleware", keyframes="tool", **options).get_tools()
        self.model, self.tools = model, {tool.name: tool for tool in made}

    def use(self, name: str, **arguments: Any) -> Any:
        """Call a tool as an agent does: its message has the answer as values, and the picture if there is one."""
        message = self.tools[name].invoke({"type": "tool_call", "name": name, "id": name, "args": arguments})
        if message.status == "error":
            raise RuntimeError(message.text)
        return message

    def write(self, film: Film) -> Film:
        """The brief becomes a cast and shots."""
        words = f"Write the cast and the shots of this film: {film['brief']}"
        if notes := film.get("notes"):
            words += f"\nThe last version was {film['cast']}, {shots_of(film)}. Change it: {notes}"
        written = self.model.with_structured_output(Shotlist).invoke(words)
        scenes = [{"shot": shot.model_dump(), "take": 1, "good": False} for shot in written.shots]
        return {"cast": [member.model_dump() for member in written.cast], "scenes": scenes}

    def draw(self, film: Film) -> Film:
        """The first picture of each shot with its cast, for cents."""
        made = self.use("make_stills", multi_prompt=shots_of(film), cast=film["cast"], max_cost_usd=CENTS)
        pictures = [part["base64"] for part in made.content if isinstance(part, dict) and part.get("base64")]
        return {"stills": made.artifact["stills"], "sheet": pictures[0] if pictures else ""}

    def preview(self, film: Film) -> Film:
        """What the film would cost, and a free animatic that moves over the stills."""
        return {"plan": self.use("plan_video", **request_of(film), animatic=True).artifact}

    def ask(self, film: Film) -> Film:
        """You say yes, or what to change. No motion was paid so far."""
        plan = film["plan"]
        told = {"shots": shots_of(film), "price": plan["price"], "preview": plan["preview"], "sheet": film["sheet"]}
        answer = interrupt(told)
        return {"notes": "" if answer is True else str(answer)}

    def shoot(self, film: Film) -> Film:
        """The film, each scene in its take. A clip that was made before is not paid again."""
        made = self.use("generate_video", **request_of(film)).artifact
        clips = {shot["shot"]: shot["generation_id"] for shot in made.get("shots", [])}
        scenes = [
            {**scene, "clip": clips.get(number, made["generation_id"])}
            for number, scene in enumerate(film["scenes"], 1)
        ]
        return {"scenes": scenes, "generation_id": made["generation_id"]}

    def look(self, film: Film) -> Film:
        """The model looks at each contact sheet; what it does not like is shot again, so often and no more."""
        return {"scenes": [scene if scene["good"] else self.judged(scene) for scene in film["scenes"]]}

    def judged(self, scene: dict[str, Any]) -> dict[str, Any]:
        words = {"type": "text", "text": f"The shot was to be: {scene['shot']['prompt']}. Is this take good?"}
        seen = self.use("inspect_video", video=scene["clip"]).content
        verdict = self.model.with_structured_output(Verdict).invoke([HumanMessage([words, *seen])])
        good = verdict.good or scene["take"] > RETAKES
        return {**scene, "why": verdict.why, "good": good, "take": scene["take"] + (not good)}

    def save(self, film: Film) -> Film:
        """One file."""
        return {"file": self.use("save_video", videos=[film["generation_id"]]).artifact["file"]}

    def graph(self, checkpointer: Any) -> Any:
        """The steps in their order; retakes go back to the set."""
        steps = StateGraph(Film)
        for step in (self.write, self.draw, self.preview, self.ask, self.shoot, self.look, self.save):
            steps.add_node(step.__name__, step)
        steps.add_edge(START, "write")
        steps.add_edge("write", "draw")
        steps.add_edge("draw", "preview")
        steps.add_edge("preview", "ask")
        steps.add_conditional_edges("ask", lambda film: "write" if film["notes"] else "shoot")
        steps.add_edge("shoot", "look")
        steps.add_conditional_edges(
            "look", lambda film: "save" if all(scene["good"] for scene in film["scenes"]) else "shoot"
        )
        steps.add_edge("save", END)
        return steps.compile(checkpointer=checkpointer)


def request_of(film: Film) -> dict[str, Any]:
    """The film as one request: what did not change since the last one is not paid again."""
    shots = [{**scene["shot"], "take": scene["take"]} for scene in film["scenes"]]
    return {"multi_prompt": shots, "cast": film["cast"], "stills": True}


def shots_of(film: Film) -> list[dict[str, Any]]:
    """Only what is to be seen."""
    return [scene["shot"] for scene in film["scenes"]]


def run(graph: Any, brief: str, thread: str, answer: Any) -> Film:
    """Begin a film, or go on with it. answer: asked about the plan, it gives True or what to change."""
    config = {"configurable": {"thread_id": thread}}
    state = graph.get_state(config)
    film = graph.invoke(None if state.next else {"brief": brief}, config)
    while waiting := graph.get_state(config).interrupts:
        film = graph.invoke(Command(resume=answer(waiting[0].value)), config)
    return film


def at_the_terminal(plan: dict[str, Any]) -> bool | str:
    """Show the plan, and take Enter for yes."""
    for number, shot in enumerate(plan["shots"], 1):
        print(f"{number}. {shot['duration']} s  {shot['prompt']}")
    print(f"Preview: {plan['preview']}\nPrice: {plan['price']}; each retake costs its shot again.")
    return input("Enter to shoot it, or say what to change: ").strip() or True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A director for short films.")
    parser.add_argument("brief", help="what the film is about")
    parser.add_argument("--model", default="anthropic:claude-sonnet-5-5", help="what init_chat_model takes")
    given = parser.parse_args()
    free = {} if os.environ.get("OXEN_API_KEY") else {"sandbox": True}
    with SqliteSaver.from_conn_string("director.db") as saver:
        director = Director(init_chat_model(given.model), **free)
        print(run(director.graph(saver), given.brief, given.brief, at_the_terminal)["file"])
