package org.cxredge.app.words

/** The little Markdown that a model card is written in, as blocks of plain text. */
object CardText {
    sealed interface Block {
        val text: String
    }

    data class Heading(override val text: String) : Block

    data class Paragraph(override val text: String) : Block

    /** [markdown] as written by the host: headings, paragraphs, lists, and tables, of which each row becomes a line. */
    fun blocks(markdown: String): List<Block> {
        val blocks = mutableListOf<Block>()
        val lines = mutableListOf<String>()
        fun close() {
            if (lines.isNotEmpty()) blocks.add(Paragraph(lines.joinToString("\n")))
            lines.clear()
        }
        var inParagraph = false
        for (line in withoutFrontMatter(markdown.lines())) {
            val row = line.startsWith("|")
            val item = line.startsWith("- ")
            when {
                line.startsWith("#") -> {
                    close()
                    blocks.add(Heading(plain(line.trimStart('#'))))
                }
                line.isBlank() -> close()
                row -> cells(line)?.let { lines.add(it) }
                item -> lines.add("•  " + plain(line.removePrefix("- ")))
                inParagraph && lines.isNotEmpty() -> lines.add("${lines.removeAt(lines.lastIndex)} ${plain(line)}")
                else -> lines.add(plain(line))
            }
            inParagraph = !row
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

    /** Cells of a row with dots between them; null for the rule below a table's head, and for an empty head. */
    private fun cells(row: String): String? =
        row.trim('|', ' ').split('|').map { plain(it) }.filter { it.isNotEmpty() }
            .takeIf { cells -> cells.isNotEmpty() && cells.any { cell -> cell.any { it != '-' && it != ':' } } }
            ?.joinToString(" · ")

    private fun plain(text: String): String = text.replace("**", "").replace("`", "").trim()
}
