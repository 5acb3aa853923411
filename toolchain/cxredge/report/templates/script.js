// Without this the page is whole; with it, a link to an artifact also chooses it.
function choose() {
  const pick = document.getElementById("pick-" + location.hash.slice(1));
  if (pick) {
    pick.checked = true;
    document.getElementById("by-artifact").scrollIntoView();
  }
}
addEventListener("hashchange", choose);
choose();
