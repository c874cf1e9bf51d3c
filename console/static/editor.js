// The editor of a message: chips that insert columns, pictures, and the columns of the file that was chosen. The look beside
// it is htmx's work. Without this script the message is written as plain text, and seen after it was sent to be looked at.
"use strict";

(() => {
  const form = document.querySelector("form[data-editor]");
  if (!form) return;
  const { text, markdown, recipients } = form.elements;
  const picture = document.getElementById("picture");
  const said = document.getElementById("picture-said");

  // -- what is inserted goes to where somebody wrote last

  let last = text.value && !markdown.value ? text : markdown;
  for (const field of [text, markdown]) field.addEventListener("focus", () => { last = field; });

  function insert(words, field) {
    field.focus();
    // Old, but it alone can be undone with the keyboard.
    if (!document.execCommand("insertText", false, words)) {
      field.setRangeText(words, field.selectionStart, field.selectionEnd, "end");
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
  form.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-insert]");
    if (chip) insert(chip.dataset.insert, last);
  });

  async function posted(path, name, content, fileName) {
    const body = new FormData();
    for (const field of ["csrf", "desk", "encoding"]) body.append(field, form.elements[field].value);
    body.append(name, content, fileName);
    const answer = await fetch(path, { method: "POST", body });
    if (answer.redirected) throw new Error("signed out");
    return answer;
  }

  // -- columns: of a text the beginning tells them, of a workbook only the whole

  const BEGINNING_BYTES = 64 * 1024;
  const MOST_BYTES = 16 * 1024 * 1024;
  recipients.addEventListener("change", async () => {
    const file = recipients.files[0];
    if (!file) return;
    const isWorkbook = /\.xls[xm]$/i.test(file.name);
    if (isWorkbook && file.size > MOST_BYTES) return;
    const content = isWorkbook ? file : file.slice(0, BEGINNING_BYTES);
    const answer = await posted("/console/editor/columns", "recipients", content, file.name);
    if (!answer.ok) return;
    document.getElementById("columns").innerHTML = await answer.text();
    document.getElementById("look").dispatchEvent(new Event("look"));
  });

  // -- pictures: each alone in its paragraph

  function insertPicture(key, fileName) {
    const before = markdown.value.slice(0, markdown.selectionStart);
    const behind = markdown.value.slice(markdown.selectionEnd);
    const alt = fileName.replace(/\.[^.]*$/, "").replace(/[[\]\\]/g, "");
    const begin = !before || before.endsWith("\n\n") ? "" : before.endsWith("\n") ? "\n" : "\n\n";
    const end = behind.startsWith("\n\n") ? "" : behind.startsWith("\n") ? "\n" : "\n\n";
    insert(`${begin}![${alt}](${key})${end}`, markdown);
  }
  picture.addEventListener("change", async () => {
    const file = picture.files[0];
    if (!file) return;
    said.textContent = picture.dataset.busy;
    try {
      const answer = await posted("/console/editor/picture", "picture", file, file.name);
      const isOurs = (answer.headers.get("content-type") || "").startsWith("text/plain");
      const words = isOurs ? await answer.text() : picture.dataset.failed;
      said.textContent = answer.ok ? "" : words;
      if (answer.ok) insertPicture(words, file.name);
    } catch {
      said.textContent = picture.dataset.failed;
    }
    picture.value = "";
  });
})();
