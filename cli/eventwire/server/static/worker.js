// Shows the notifications of events that ask for it, and opens their page.
"use strict";

self.addEventListener("push", (event) => {
  const told = event.data.json();
  const title = told.environment === "test" ? `${told.title} (test)` : told.title;
  event.waitUntil(self.registration.showNotification(title, { body: told.body, tag: told.tag, renotify: true, icon: "/static/icon.svg", data: { url: told.url } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.url));
});
