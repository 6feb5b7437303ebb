"""What `benchmarks.starting` compares with: a module that imports LangChain's `BaseTool`, and nothing else."""

from langchain_core.tools import BaseTool

__all__ = ["BaseTool"]
