"""A director: brief → shots → plan and preview → your approval → takes → a look at each → retakes → one film.

    pip install '.[all]' langchain langgraph-checkpoint-sqlite langchain-anthropic
    python examples/director.py "A lighthouse keeper finds a message in a bottle"

Without OXEN_API_KEY it runs in the sandbox, which is free. Stop it whenever you like: the same brief goes on where it
stopped, for the graph keeps its state in director.db, and no take is paid twice, for the ledger knows them all.
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


class Shot(BaseModel):
    """One shot of the film."""

    prompt: str = Field(description="Shot size, subject, action, light and camera move, in one or two sentences.")
    duration: int = Field(description="5 or 10 seconds.")


class Shotlist(BaseModel):
    """The film, shot by shot."""

    shots: list[Shot] = Field(description="Two to five shots that tell the brief.")


class Verdict(BaseModel):
    """What you think of a take after looking at its contact sheet."""

    good: bool = Field(description="Whether it shows what the shot asks for, without black or frozen stretches.")
    why: str = Field(description="One sentence.")


class Film(TypedDict, total=False):
    """What the graph remembers. A scene is a shot with its take and, once it was shot, its clip and the verdict."""

    brief: str
    notes: str
    scenes: list[dict[str, Any]]
    plan: dict[str, Any]
    file: str


class Director:
    """The steps. model: any chat model that can call tools and see pictures."""

    def __init__(self, model: Any, **options: Any) -> None:
        # The whole is agreed to below, once; each take then runs without a question of its own.
        made = OxenVideoToolkit(approval="middleware", keyframes="tool", **options).get_tools()
        self.model, self.tools = model, {tool.name: tool for tool in made}

    def use(self, name: str, **arguments: Any) -> Any:
        """Call a tool as an agent does: its message has the answer as values, and the picture if there is one."""
        message = self.tools[name].invoke({"type": "tool_call", "name": name, "id": name, "args": arguments})
        if message.status == "error":
            raise RuntimeError(message.text)
        return message

    def write(self, film: Film) -> Film:
        """The brief becomes shots."""
        words = f"Write the shots of this film: {film['brief']}"
        if notes := film.get("notes"):
            words += f"\nThe last version was {shots_of(film)}. Change it: {notes}"
        shots = self.model.with_structured_output(Shotlist).invoke(words).shots
        return {"scenes": [{"shot": shot.model_dump(), "take": 1, "good": False} for shot in shots]}

    def preview(self, film: Film) -> Film:
        """A plan with a price, and a free animatic to look at."""
        return {"plan": self.use("plan_video", multi_prompt=shots_of(film), animatic=True).artifact}

    def ask(self, film: Film) -> Film:
        """You say yes, or what to change. Nothing was paid so far."""
        plan = film["plan"]
        answer = interrupt({"shots": shots_of(film), "price": plan["price"], "preview": plan["preview"]})
        return {"notes": "" if answer is True else str(answer)}

    def shoot(self, film: Film) -> Film:
        """Each scene in its take. A take that was made before is answered with what is there."""
        return {"scenes": [self.shot(scene) for scene in film["scenes"]]}

    def shot(self, scene: dict[str, Any]) -> dict[str, Any]:
        made = self.use("generate_video", **scene["shot"], take=scene["take"]).artifact
        return {**scene, "clip": made["generation_id"], "cost": made["cost_usd"]}

    def look(self, film: Film) -> Film:
        """The model looks at each contact sheet; what it does not like is shot again, so often and no more."""
        return {"scenes": [scene if scene["good"] else self.judged(scene) for scene in film["scenes"]]}

    def judged(self, scene: dict[str, Any]) -> dict[str, Any]:
        words = {"type": "text", "text": f"The shot was to be: {scene['shot']['prompt']}. Is this take good?"}
        seen = self.use("inspect_video", video=scene["clip"]).content
        verdict = self.model.with_structured_output(Verdict).invoke([HumanMessage([words, *seen])])
        good = verdict.good or scene["take"] > RETAKES
        return {**scene, "why": verdict.why, "good": good, "take": scene["take"] + (not good)}

    def join(self, film: Film) -> Film:
        """One file."""
        clips = [scene["clip"] for scene in film["scenes"]]
        return {"file": self.use("save_video", videos=clips, transition="fade").artifact["file"]}

    def graph(self, checkpointer: Any) -> Any:
        """The steps in their order; retakes go back to the set."""
        steps = StateGraph(Film)
        for step in (self.write, self.preview, self.ask, self.shoot, self.look, self.join):
            steps.add_node(step.__name__, step)
        steps.add_edge(START, "write")
        steps.add_edge("write", "preview")
        steps.add_edge("preview", "ask")
        steps.add_conditional_edges("ask", lambda film: "write" if film["notes"] else "shoot")
        steps.add_edge("shoot", "look")
        steps.add_conditional_edges(
            "look", lambda film: "join" if all(scene["good"] for scene in film["scenes"]) else "shoot"
        )
        steps.add_edge("join", END)
        return steps.compile(checkpointer=checkpointer)


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
    parser.add_argument("--model", default="anthropic:claude-sonnet-4-5", help="what init_chat_model takes")
    given = parser.parse_args()
    free = {} if os.environ.get("OXEN_API_KEY") else {"sandbox": True}
    with SqliteSaver.from_conn_string("director.db") as saver:
        director = Director(init_chat_model(given.model), **free)
        print(run(director.graph(saver), given.brief, given.brief, at_the_terminal)["file"])
