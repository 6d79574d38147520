"""Sentences to be spoken for training: written for this project, drawn from a small grammar.

The words are chosen so that every English phone occurs often, in all positions, beside all kinds of neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_WORDS = {
    "person": "my brother|the captain|a young painter|our teacher|Margaret|the baker|old Mister Thorpe|your cousin|"
    "the whole family|Vivian|a stranger|the judge|Oscar|my oldest friend|the engineer|a farmer|Ruth|the boy|George|"
    "the woman at the window|our neighbour|the fisherman|Zoe|a clever child|the watchmaker|Peter|nobody|everybody|"
    "the choir|a visitor|the pilot|Abigail|the gardener|Joyce|a nurse|the young king|the thief|Hugo|my father",
    "thing": "book|purple umbrella|map|wooden box|beam of light|measure|fish|vase|bridge|clock|shoe|jacket|cup of tea|"
    "piano|path|five pounds of butter|paper bag|ring|feather|window|barn|van|chair|leather glove|photograph|wheel|"
    "television|pig|garage|bottle of milk|bowl of soup|garden gate|toy boat|orange|yellow house|cabbage|broom|"
    "thumb|coin|mirror|bath|cheese|blue balloon|engine|rope|match|leaf|poem|small bell|puzzle|wheelbarrow|oil lamp|"
    "mouse|apple pie|shirt|beach|treasure|voice|kettle|hammer|answer|question|wave|village|film|pepper|robin",
    "things": "apples|voices|mothers|boys|ships|watches|leaves|maps|problems|bees|months|clothes|pictures|judges|"
    "families|rubies|wolves|bubbles|fingers|thumbs|mirrors|beliefs|opinions|bushes|dogs|feathers|women|movies",
    "act": "bought|opened|found|moved|fixed|borrowed|imagined|wrapped|photographed|broke|remembered|put away|avoided|"
    "believed in|washed|measured|gave up|threw away|pulled|forgot|kept|chose|looked for|rubbed|joined|described|"
    "shook|watched|stole|paid for|weighed|painted|wanted|loved|built|carried|missed|hid|enjoyed|repaired|bit",
    "go": "walked|drove|ran|came back|sailed|flew|moved|jumped|rushed|wandered|climbed|marched|swam|cycled|hopped",
    "where": "behind the church|by the river|up the hill|to the village|through the park|into the big room|"
    "along the beach|across the bridge|under the old oak|over the fence|above the shop|out of the fog|past the farm|"
    "near the fire|between two towers|from France|to Africa|around the pond|at home|in the kitchen|on the roof",
    "when": "yesterday|on Monday|before breakfast|every morning|in July|five years ago|at half past four|tomorrow|"
    "after the show|just now|in the middle of the night|this evening|once upon a time|for two whole months|"
    "by the time you read this|on the fourth of March|before we move|at the beginning of the film",
    "how": "slowly|happily|with both hands|without a word|very carefully|too fast|for fun|by chance|in a hurry|badly|"
    "with a heavy heart|beautifully|as usual|for the first time|quietly|with great pleasure|in vain|of course",
    "quality": "bright|warm|purple|famous|huge|bitter|smooth|very good|rough|impossible|far too big|awfully cheap|"
    "obvious|perfect|fragile|thick|pure|vague|foolish|marvellous|ugly|available|simple|rather odd|calm|powerful",
    "open": "well|oh|I think|maybe|however|you know|in fact|by the way|remember|as far as I know|of course|"
    "believe me|what I mean is|above all|before I forget|on the other hand|people say|to be fair",
    "idea": "time flies|we may win|both of them agree|the weather will improve|it was worth it|nothing ever happens|"
    "you could be wrong|the story is true|I have my doubts|they won't give up|the moon looks bigger|"
    "this job pays well|love moves mountains|fewer people vote|we should be above that|the price went up|"
    "most of my problems began there|the boat is leaving|a bit of butter makes it better|the ship arrives at five",
    "number": "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fifteen|twenty|forty|fifty|"
    "ninety|a hundred|a thousand|five million|zero|half a dozen",
}
_PATTERNS = (
    "{person} {act} the {thing}.",
    "{person} {act} the {thing} {where}.",
    "{when}, {person} {go} {where}.",
    "{person} {go} {where} {how}, and {person} {act} a {thing}.",
    "The {thing} was {quality}.",
    "Was the {thing} {where} really {quality}?",
    "Why would {person} give {person} {number} {things}?",
    "{open}, {idea}.",
    "{open}, {person} {act} the {thing} {how}.",
    "{idea}, but {idea}.",
    "How many {things} and {things} have you put {where}?",
    "{number} {things}, {number} {things} and one {quality} {thing}.",
    "Please move the {thing} {where} {when}.",
    "My {thing} is {quality}, yours is {quality}.",
    "Have you ever seen {number} {quality} {things} {where}?",
    "{person} said that {idea} {when}.",
    "Oh, what a {quality} {thing}!",
    "Both {things} and {things} {go} {where} {when}.",
    "If {idea}, then {person} and I could sell {number} {things} {where}.",
    "Above the {thing} there was a {quality} {thing}, which {person} {act} {how}.",
    "Good. Now put the {thing} {where}, beside the {things}, and wait for me.",
    "Thank you for the {thing}. {idea}.",
    "Did you hear the {thing}? {idea}.",
)
_CHOICES = {key: tuple(words.split("|")) for key, words in _WORDS.items()}


def sentences(seed: int) -> Iterator[str]:
    """Sentences without end, the same for one seed."""
    rng = np.random.default_rng(seed)
    while True:
        pattern = str(rng.choice(_PATTERNS))
        for key, words in _CHOICES.items():
            while "{" + key + "}" in pattern:
                pattern = pattern.replace("{" + key + "}", str(rng.choice(words)), 1)
        yield pattern[0].upper() + pattern[1:]
