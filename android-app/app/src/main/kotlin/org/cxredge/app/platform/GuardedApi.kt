package org.cxredge.app.platform

/** Marks what calls Android newer than the app's oldest, behind a check of the version; the build refuses other such calls. */
@Retention(AnnotationRetention.BINARY)
@Target(AnnotationTarget.FUNCTION)
annotation class GuardedApi
