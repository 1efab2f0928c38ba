// What the scripts say, in the language of the page.
"use strict";

const texts = JSON.parse(document.getElementById("texts").textContent);

function says(key, value) {
  return texts[key].replace("%s", value);
}
