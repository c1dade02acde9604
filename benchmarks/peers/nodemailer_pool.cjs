// nodemailer's pool of ten connections without a limit of messages, fed as its documentation says: on "idle".
const fs = require("fs");
const nodemailer = require("nodemailer");

const [host, port, file] = process.argv.slice(2);
const letter = JSON.parse(fs.readFileSync(file, "utf-8"));
const filled = (text, values) =>
  text.literals[0] + text.fields.map((name, i) => values[name] + text.literals[i + 1]).join("");
const escape = (text) =>
  text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");

const pool = nodemailer.createTransport({
  host, port: Number(port), pool: true, maxConnections: 10, maxMessages: Infinity, ignoreTLS: true,
});
const started = performance.now();
const used = process.cpuUsage();
let next = 0;
let sent = 0;

pool.on("idle", () => {
  while (pool.isIdle() && next < letter.recipients.length) {
    const person = letter.recipients[next++];
    const escaped = Object.fromEntries(Object.entries(person).map(([name, value]) => [name, escape(value)]));
    pool.sendMail(
      {
        from: letter.sender, to: person.email, replyTo: letter.reply_to, subject: filled(letter.subject, person),
        text: filled(letter.text, person), html: filled(letter.html, escaped), textEncoding: "base64",
      },
      (error) => {
        if (error) throw error;
        if (++sent === letter.recipients.length) {
          const { user, system } = process.cpuUsage(used);
          const seconds = (performance.now() - started) / 1000;
          console.log(JSON.stringify({ seconds, cpu: (user + system) / 1e6 }));
          pool.close();
        }
      },
    );
  }
});
