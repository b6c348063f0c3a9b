// Strict JSON: RFC 8259 and no more, no key twice in an object, numbers as they are written, nesting below 128.

const DEPTH = 127;

/** Why a text is no strict JSON. */
export class NotJson extends Error {}

/** A number with the digits that stand there. */
export class JsonNumber {
  constructor(written) {
    this.written = written;
  }
}

/** The value of a JSON text: objects as Map, numbers as JsonNumber. */
export function parse(text) {
  return new Parser(text, true).whole();
}

/** Checks the form alone, and that no text and no number has more than `limit` bytes, nor the keys of open objects. */
export function check(text, limit) {
  new Parser(text, false, limit).whole();
}

/** About what a key costs to remember, besides its bytes. */
const KEY_BYTES = 32;
const encoder = new TextEncoder();

const ASCII = /^[\x00-\x7f]*$/;

/** How many bytes a text has in UTF-8. */
const bytesOf = (text) => (ASCII.test(text) ? text.length : encoder.encode(text).length);

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// Everything up to a quote, an escape or a control character.
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

class Parser {
  constructor(text, keep, limit = Infinity) {
    this.text = text;
    this.keep = keep;
    this.limit = limit;
    this.held = 0;
    this.at = 0;
    this.depth = 0;
  }

  whole() {
    const value = this.value();
    this.blank();
    if (this.at !== this.text.length) this.fail("something follows");
    return value;
  }

  fail(reason) {
    throw new NotJson(`${reason} at character ${this.at + 1}`);
  }

  blank() {
    const { text } = this;
    for (;;) {
      const code = text.charCodeAt(this.at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.at += 1;
    }
  }

  value() {
    this.blank();
    switch (this.text[this.at]) {
      case "{":
        return this.nested(() => this.object());
      case "[":
        return this.nested(() => this.list());
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  nested(read) {
    this.at += 1;
    this.depth += 1;
    if (this.depth > DEPTH) this.fail("too deep");
    const value = read();
    this.depth -= 1;
    return value;
  }

  word(word, value) {
    if (!this.text.startsWith(word, this.at)) this.fail("no value");
    this.at += word.length;
    return value;
  }

  number() {
    NUMBER.lastIndex = this.at;
    const found = NUMBER.exec(this.text);
    if (found === null) this.fail("no value");
    const [written] = found;
    if (written.length > 300 || /[eE]/.test(written)) {
      if (!Number.isFinite(Number(written))) this.fail("a number is too large");
    }
    if (written.length > this.limit) this.fail("a number is too long");
    this.at += written.length;
    return this.keep ? new JsonNumber(written) : null;
  }

  object() {
    const fields = this.keep ? new Map() : new Set();
    const before = this.held;
    this.blank();
    if (this.text[this.at] === "}") {
      this.at += 1;
      return fields;
    }
    for (;;) {
      this.blank();
      if (this.text[this.at] !== '"') this.fail("no key");
      const key = this.string();
      if (fields.has(key)) this.fail(`duplicate key \`${key}\``);
      this.blank();
      if (this.text[this.at] !== ":") this.fail("no colon");
      this.at += 1;
      const value = this.value();
      if (this.keep) fields.set(key, value);
      else fields.add(key);
      this.held += KEY_BYTES + bytesOf(key);
      if (this.held > this.limit) this.fail("its objects have too many keys");
      if (!this.ends("}")) continue;
      this.held = before;
      return fields;
    }
  }

  list() {
    const items = [];
    this.blank();
    if (this.text[this.at] === "]") {
      this.at += 1;
      return items;
    }
    for (;;) {
      const value = this.value();
      if (this.keep) items.push(value);
      if (this.ends("]")) return items;
    }
  }

  /** After an item: whether the end follows, or else a comma. */
  ends(close) {
    this.blank();
    const next = this.text[this.at];
    if (next !== close && next !== ",") this.fail("neither comma nor end");
    this.at += 1;
    return next === close;
  }

  string() {
    this.at += 1;
    const start = this.at;
    let value = "";
    for (;;) {
      PLAIN.lastIndex = this.at;
      const [plain] = PLAIN.exec(this.text);
      this.at += plain.length;
      value += plain;
      const next = this.text[this.at];
      if (next === '"') {
        if ((this.at - start) * 3 > this.limit && bytesOf(this.text.slice(start, this.at)) > this.limit) {
          this.fail("a text is too long");
        }
        this.at += 1;
        return value;
      }
      if (next !== "\\") this.fail("a control character in a string, or its end is missing");
      value += this.escape();
    }
  }

  escape() {
    const kind = this.text[this.at + 1];
    if (kind !== "u") {
      if (kind === undefined || !Object.hasOwn(ESCAPES, kind)) this.fail("no such escape");
      this.at += 2;
      return ESCAPES[kind];
    }
    const first = this.unit();
    if (first < 0xd800 || first > 0xdfff) return String.fromCharCode(first);
    const second = first < 0xdc00 && this.text.startsWith("\\u", this.at) ? this.unit() : 0;
    if (second < 0xdc00 || second > 0xdfff) this.fail("half of a pair");
    return String.fromCharCode(first, second);
  }

  unit() {
    const digits = this.text.slice(this.at + 2, this.at + 6);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail("no such escape");
    this.at += 6;
    return parseInt(digits, 16);
  }
}
