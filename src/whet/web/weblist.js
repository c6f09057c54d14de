// Opens and closes the instructions of all lines at once: the button, or the key e.
const button = document.querySelector("button");
const toggle = () => {
  const all = [...document.querySelectorAll("details")];
  const open = all.some((found) => !found.open);
  for (const found of all) found.open = open;
  button.textContent = open ? "close all (e)" : "open all (e)";
};
button.addEventListener("click", toggle);
document.addEventListener("keydown", (event) => {
  if (event.key === "e" && !event.ctrlKey && !event.metaKey && !event.altKey) toggle();
});
