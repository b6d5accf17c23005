"""The built-in script: the front desk of a clinic that does not exist."""

from mediaproviders.local.script import Intent, Script, ToolUse

STORY = (
    "Gladly. Many years ago, a young sailor came to this town with a wooden box under his arm. "
    "Nobody knew what was inside, and he would not say. "
    "Every evening he carried it to the end of the pier, opened it, and listened. "
    "The children followed him, and they heard the sound of bells, very far away. "
    "One night a great storm came up, and the lighthouse went dark. "
    "The sailor ran to the pier and opened the box as wide as it would go. "
    "The bells rang out over the water, louder than the wind, and the fishing boats turned towards the sound. "
    "All of them came home before the morning. "
    "The next day the sailor was gone, but the box was still there, empty and silent. "
    "You can see it today in the town hall, and some people say that it still rings before a storm."
)
"""Longer than twenty seconds: something to interrupt."""

RECEPTIONIST = Script(
    greeting="Hello, this is Riverside Clinic. How can I help you?",
    intents=(
        Intent(
            name="hours",
            any=("open", "opening hours", "office hours", "closing time", "when do you close", "what time do you open"),
            say="We are open Monday to Friday, from eight in the morning until six in the evening. "
            "On Saturday we close at noon.",
        ),
        Intent(
            name="address",
            any=("address", "where are you", "located", "location", "find you", "directions", "which street"),
            say="Our address is twelve Garden Street, next to the old railway station. You can park behind it.",
        ),
        Intent(
            name="price",
            any=("price", "cost", "how much", "charge", "fee", "expensive"),
            say="A first visit costs forty dollars. A follow up visit costs twenty five dollars.",
        ),
        Intent(
            name="appointment",
            any=("appointment", "book a visit", "see a doctor", "reservation"),
            say="I am only a rehearsal, so I can not book anything. A real agent would ask you for a day now.",
        ),
        Intent(
            name="abilities",
            any=("what can you do", "what can i ask", "help me", "your options", "what do you know"),
            say="You can ask me for our opening hours, our address, or a price. "
            "I can tell you a story, repeat a number you say, or say goodbye.",
        ),
        Intent(name="story", any=("story", "tell me a tale", "something long"), say=STORY),
        Intent(
            name="time",
            any=("what time is it", "time of day", "current time", "the time now", "tell me the time"),
            say="I have no clock of my own. Give me a tool for that, and I will use it.",
            tool=ToolUse(name="get_time", meanwhile="One moment, please.", say="It is {result}."),
        ),
        Intent(
            name="identity",
            any=(
                "who are you",
                "are you a robot",
                "are you human",
                "real person",
                "what model",
                "artificial intelligence",
            ),
            say="I am an offline rehearsal model. I follow a small script, and I can not follow instructions. "
            "Real models take my place in production.",
        ),
        Intent(
            name="number",
            any=("my number is", "phone number", "number is", "repeat this number", "repeat the number"),
            say="You said {number}.",
            recall="number",
        ),
        Intent(name="name", any=("my name is", "name is"), say="Nice to meet you, {name}.", recall="name"),
        Intent(
            name="again",
            any=("say that again", "repeat that", "again please", "pardon", "what did you say", "once more"),
            recall="answer",
        ),
        Intent(name="rest", any=("go on", "continue", "carry on", "keep going", "the rest"), recall="rest"),
        Intent(
            name="stop", any=("stop", "be quiet", "wait", "hold on", "enough"), say="All right. What else can I do?"
        ),
        Intent(name="thanks", any=("thank you", "thanks"), say="You are welcome. Is there anything else?"),
        Intent(name="hello", any=("hello", "good morning", "good afternoon", "hi"), say="Hello. How can I help you?"),
        Intent(
            name="goodbye",
            any=("goodbye", "bye", "thanks bye", "thank you bye", "hang up", "that is all", "nothing else"),
            say="Thank you for calling. Goodbye.",
            ends=True,
        ),
    ),
    fallback=(
        "I am not sure about that. You can ask for our opening hours, our address, or a price.",
        "That is not in my script. Try asking me what I can do.",
        "I did not understand that. Could you put it another way?",
    ),
)
