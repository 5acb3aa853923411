#!/bin/sh
# Runs Maven where it must: a module whose names and contents did not change is not compiled again.
# usage: sh android-app/compile.sh tools|app            compile the module, and the core below it
#        sh android-app/compile.sh test [MUTANTS]       compile and test everything; MUTANTS: damaged films and bundles
# Says nothing unless Maven did.
set -eu
cd "$(dirname "$0")"
# short runs: the second compiler of the JVM would cost more than it saves
export MAVEN_OPTS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC ${MAVEN_OPTS:-}"

if ! command -v mvn > /dev/null || ! command -v javac > /dev/null; then
  echo "error [TOOL-MISSING]: the Android app is compiled by Maven with a JDK, and mvn or javac is not installed" >&2
  echo "fix: install JDK 17 and Maven 3.8 or later (docs/android.md)" >&2
  exit 3
fi

maven() {
  status=0
  output=$(mvn -q -B "$@" 2>&1) || status=$?
  # Maven resets the colour even where it uses none
  output=$(printf '%s' "$output" | sed "s/$(printf '\033')\[0m//g")
  [ -z "$output" ] || printf '%s\n' "$output" >&2
  return $status
}

record() {
  {
    find pom.xml core/pom.xml core/src/main "$1/pom.xml" "$1/src/main" -path '*/assets' -prune -o -type f -print
    [ "$1" != app ] || find -L ../build/android/runtime/classes -name '*.jar'
  } | LC_ALL=C sort | xargs sha256sum
}

case "$1" in
  tools | app)
    if [ ! -f "$1/target/inputs" ] || [ "$(record "$1")" != "$(cat "$1/target/inputs")" ]; then
      maven -pl "$1" -am clean package -Dmaven.test.skip=true
      record "$1" > "$1/target/inputs"
    fi
    ;;
  test)
    maven clean package ${2:+-Dcxr.mutants="$2"}
    for module in tools app; do record "$module" > "$module/target/inputs"; done
    ;;
esac
