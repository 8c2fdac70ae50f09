// One connection for all pages of a browser, which allows six to a server: without this the seventh page would wait.

import { follow } from "./follow.js";

const pages = new Set();
let leave = null;

// Connect anew whenever a page comes, since the first news of a connection has the whole curve.
function restart() {
  leave?.();
  leave = pages.size ? follow((message) => pages.forEach((page) => page.postMessage(message))) : null;
}

self.onconnect = ({ ports: [page] }) => {
  pages.add(page);
  page.onmessage = () => {
    pages.delete(page);
    if (!pages.size) restart();
  };
  restart();
};
