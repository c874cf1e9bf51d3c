"""What Typer and pydantic say of a command line that they cannot read, as phrases."""

from string import Formatter

from ledger.phrases import Phrase, said

__all__ = ["heard"]

#: The first that fits is taken.
_SAID = (
    Phrase("No such command {name}. Did you mean {names}?"),
    Phrase("No such command {name}."),
    Phrase("Missing command."),
    Phrase("Missing option {option}. Choose from: {choices}"),
    Phrase("Missing option {option}."),
    Phrase("Missing argument {argument}. Choose from: {choices}"),
    Phrase("Missing argument {argument}."),
    Phrase("No such option: {option} (Possible options: {options})"),
    Phrase("No such option: {option}"),
    Phrase("Option {option} requires an argument."),
    Phrase("Option {option} does not take a value."),
    Phrase("Got unexpected extra argument(s) ({arguments})"),
    Phrase("Invalid value for {option}: {problem}"),
    Phrase("{value} is not one of {choices}."),
    Phrase("{kind} {file} does not exist."),
    Phrase("{kind} {file} is a directory."),
    Phrase("{kind} {file} is not readable."),
    Phrase("Input should be a valid integer, unable to parse string as an integer"),
    Phrase("Input should be a valid number, unable to parse string as a number"),
    Phrase("Input should be greater than or equal to {least}"),
    Phrase("Input should be less than or equal to {most}"),
)


def heard(text: str) -> Phrase:
    """One of the phrases, with what stands in the text; or the text as somebody else's."""
    for known in _SAID:
        if (values := _values(known.template, text)) is not None:
            return Phrase(known.template, **values)
    return said(text)


def _values(template: str, text: str) -> dict[str, str] | None:
    """What stands in the text in the places of the template, unless it is another text."""
    (begin, *literals), names = _parts(template)
    rest, values = text.removeprefix(begin), {}
    if not text.startswith(begin):
        return None
    for name, literal in zip(names, literals, strict=True):
        value, found, rest = rest.partition(literal) if literal else (rest, rest, "")
        if not found:
            return None
        values[name] = heard(value) if name == "problem" else value
    return None if rest else values


def _parts(template: str) -> tuple[list[str], list[str]]:
    """The texts between the places, the first and the last included, and the names of the places."""
    parts = list(Formatter().parse(template))
    names = [name for _, name, _, _ in parts if name]
    literals = [literal for literal, _, _, _ in parts]
    return literals + [""] * (len(names) + 1 - len(literals)), names
