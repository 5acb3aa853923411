package org.cxredge.core

/** Where something stands in a document of maps and lists: keys and indices. */
internal typealias Place = List<Any>

/** Every place below [node]. */
internal fun places(node: Any?, at: Place = emptyList()): List<Place> = when (node) {
    is Map<*, *> -> node.flatMap { (key, value) -> listOf(at + (key as String)) + places(value, at + key) }
    is List<*> -> node.flatMapIndexed { i, value -> listOf(at + i) + places(value, at + i) }
    else -> emptyList()
}

internal fun Any?.at(place: Place): Any? = place.fold(this) { node, step ->
    if (step is Int) (node as List<*>)[step] else (node as Map<*, *>)[step]
}

@Suppress("UNCHECKED_CAST")
internal fun Any?.put(place: Place, value: Any?) {
    val node = at(place.dropLast(1))
    val step = place.last()
    if (step is Int) (node as MutableList<Any?>)[step] = value else (node as MutableMap<Any, Any?>)[step] = value
}

internal fun Any?.remove(place: Place) {
    (at(place.dropLast(1)) as MutableMap<*, *>).remove(place.last())
}

/** The same, with the keys of every map sorted. */
internal fun sorted(node: Any?): Any? = when (node) {
    is Map<*, *> -> node.entries.sortedBy { it.key as String }.associate { (key, value) -> key to sorted(value) }
    is List<*> -> node.map(::sorted)
    else -> node
}

/** The keys of a place alone, with dots between. */
internal fun Place.keys(): String = filterIsInstance<String>().joinToString(".")
