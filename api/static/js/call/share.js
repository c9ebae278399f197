// A link to the curve alone, for other people's pages.

import { ask } from "../http.js";
import { complain, toast } from "../toast.js";
import { t } from "../words.js";

const HEIGHT_PX = 400;

export function offerLink(dialog, id) {
  const form = dialog.querySelector("form");
  const made = dialog.querySelector("#embed-made");
  const code = made.querySelector("textarea");
  const [copy, view] = [dialog.querySelector("#embed-copy"), dialog.querySelector("#embed-view")];
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const { url } = await ask(`/calls/${id}/embed`, { method: "POST", body: { days: Number(form.elements.days.value) } });
      code.value = `<iframe src="${url}" width="100%" height="${HEIGHT_PX}" title="callscope" style="border:0" loading="lazy"></iframe>`;
      view.href = url;
      made.hidden = copy.hidden = view.hidden = false;
      code.focus();
      code.select();
    } catch (error) {
      complain(error);
    }
  });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.value);
    toast(t("copied"));
  });
}
