// Choosing rows: what needs a choice waits for one.

document.addEventListener("change", ({ target }) => {
  const form = target.closest("#dead");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[name=recording]")];
  const all = form.querySelector("[data-choose-all]");
  if (target === all) for (const box of boxes) box.checked = all.checked;
  const chosen = boxes.filter((box) => box.checked).length;
  all.checked = chosen > 0 && chosen === boxes.length;
  all.indeterminate = chosen > 0 && chosen < boxes.length;
  for (const button of form.querySelectorAll("[data-needs-choice]")) button.disabled = chosen === 0;
});
