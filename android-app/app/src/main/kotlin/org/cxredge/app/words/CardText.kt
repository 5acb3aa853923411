package org.cxredge.app.words

/** The little Markdown that a model card is written in, as blocks of plain text. */
object CardText {
    sealed interface Block {
        val text: String
    }

    data class Heading(override val text: String) : Block

    data class Paragraph(override val text: String) : Block

    /** [markdown] as written by the host: headings, paragraphs, lists, and tables. */
    fun blocks(markdown: String): List<Block> {
        val blocks = mutableListOf<Block>()
        val lines = mutableListOf<String>()
        fun close() {
            if (lines.isNotEmpty()) blocks.add(Paragraph(lines.joinToString("\n")))
            lines.clear()
        }
        var inParagraph = false
        var head: List<String> = emptyList()
        for (line in withoutFrontMatter(markdown.lines())) {
            val row = line.startsWith("|")
            val item = line.startsWith("- ")
            when {
                line.startsWith("#") -> {
                    close()
                    blocks.add(Heading(plain(line.trimStart('#'))))
                }
                line.isBlank() -> close()
                row && head.isEmpty() -> {
                    head = cells(line)
                    if (head.size <= NARROW && head.any { it.isNotEmpty() }) lines.add(head.joinToString(" · "))
                }
                row -> lines.addAll(row(head, cells(line)))
                item -> lines.add("•  " + plain(line.removePrefix("- ")))
                inParagraph && lines.isNotEmpty() -> lines.add("${lines.removeAt(lines.lastIndex)} ${plain(line)}")
                else -> lines.add(plain(line))
            }
            inParagraph = !row
            if (!row) head = emptyList()
        }
        close()
        return blocks
    }

    /** A YAML header is for machines. */
    private fun withoutFrontMatter(lines: List<String>): List<String> {
        if (lines.firstOrNull() != "---") return lines
        val end = lines.drop(1).indexOf("---")
        return if (end < 0) lines else lines.drop(end + 2)
    }

    /** A row in lines: a wide one would not fit, and says with each cell what it is. None for the rule below a head. */
    private fun row(head: List<String>, cells: List<String>): List<String> = when {
        cells.all { cell -> cell.all { it == '-' || it == ':' } } -> emptyList()
        head.size > NARROW -> head.zip(cells) { name, cell -> "$name: $cell" }
        else -> listOf(cells.joinToString(" · "))
    }

    private fun cells(row: String): List<String> = row.trim().removeSurrounding("|").split('|').map { plain(it) }

    private fun plain(text: String): String =
        text.replace("**", "").replace("`", "").replace(EMPHASIS) { it.groupValues[1] }.trim()

    private val EMPHASIS = Regex("\\*([^*]+)\\*")

    /** Columns that fit side by side. */
    private const val NARROW = 3
}
