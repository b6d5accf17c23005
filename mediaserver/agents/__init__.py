"""Agents: what an administrator writes of them, what of it makes no sense, and how it becomes a model to talk to.

``definition`` is one agent as data; ``checks`` what it may not say; ``file`` reads several from a YAML file;
``secrets`` finds keys where they are kept; ``provision`` builds what a definition asks for.
"""
