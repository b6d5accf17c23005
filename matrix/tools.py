"""What the agents of the matrix may use."""


async def opening_hours(day: str) -> str:
    """Tell when the practice is open on a day of the week."""
    return f"On {day} from nine to five."
