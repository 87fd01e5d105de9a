"""Headers and rows as a table: on the screen, or in Markdown."""


def text_table(headings, rows):
    widths = [max(len(line[at]) for line in [headings, *rows]) for at in range(len(headings))]
    return (
        "\n".join(
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            for line in [headings, *rows]
        )
        + "\n"
    )


def markdown_table(headings, rows):
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
