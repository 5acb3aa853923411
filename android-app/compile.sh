#!/bin/sh
# Compiles one module of the Maven build (and the core below it), unless nothing that it is made of has changed.
# usage: sh android-app/compile.sh tools|app            compile
#        sh android-app/compile.sh test                 compile and test everything
set -eu
cd "$(dirname "$0")"
mvn="mvn -q -B -Dstyle.color=never"

# what a module is made of: names and contents, so that a removed file counts too
inputs() {
  find pom.xml core/pom.xml core/src/main "$1/pom.xml" "$1/src/main" -path '*/assets' -prune -o -type f -print
  [ "$1" != app ] || find -L ../build/android/runtime/classes -name '*.jar'
}

record() {
  inputs "$1" | LC_ALL=C sort | xargs sha256sum
}

compile() {
  [ -f "$1/target/inputs" ] && [ "$(record "$1")" = "$(cat "$1/target/inputs")" ] && return
  $mvn -pl "$1" -am clean package -DskipTests
  record "$1" > "$1/target/inputs"
}

case "$1" in
  tools | app) compile "$1" ;;
  test)
    $mvn clean package
    for module in tools app; do record "$module" > "$module/target/inputs"; done
    ;;
esac
