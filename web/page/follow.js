// Follows a run by its server-sent events: `tell` hears {kind: "open"}, {kind: "lost"} and {kind: "news", news}.
// Returns the function that ends it.

export function follow(tell) {
  let source = null;
  let timer = null;
  const connect = () => {
    source = new EventSource("/events");
    source.onopen = () => tell({ kind: "open" });
    source.onmessage = (event) => tell({ kind: "news", news: JSON.parse(event.data) });
    source.onerror = () => {
      tell({ kind: "lost" });
      // Browsers try again by themselves, but not after every kind of failure.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(connect, 2000);
    };
  };
  connect();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
