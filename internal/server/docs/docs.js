// Draws openapi.json as a page. Nothing is fetched from elsewhere, and text only ever becomes text: no markup is built
// from strings.
'use strict';

const methods = ['get', 'post', 'put', 'patch', 'delete'];

/** Makes an element with properties and children; strings become text. */
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** Makes paragraphs and tables of a description: blank lines part them, backquotes mark code. */
function prose(text) {
  return (text ?? '').trim().split(/\n\s*\n/).filter(Boolean).map((paragraph) =>
    paragraph.startsWith('|') ? table(paragraph) : make('p', {}, inline(paragraph)));
}

/** Makes a table of its Markdown, of which the second line is the rule. */
function table(text) {
  const [head, , ...rows] = text.split('\n').map((line) => line.replace(/^\||\|\s*$/g, '').split('|').map((cell) => cell.trim()));
  return make('table', {},
    make('thead', {}, make('tr', {}, head.map((cell) => make('th', {}, inline(cell))))),
    make('tbody', {}, rows.map((row) => make('tr', {}, row.map((cell) => make('td', {}, inline(cell)))))));
}

function inline(text) {
  return text.split(/(`[^`]+`)/).filter(Boolean).map((part) =>
    part.startsWith('`') ? make('code', {}, part.slice(1, -1)) : part.replace(/\s+/g, ' '));
}

class Page {
  constructor(document) {
    this.document = document;
    this.entries = []; // what the search hides: {words, elements}
  }

  /** Follows a reference to what it stands for. */
  resolve(thing) {
    while (thing?.$ref) {
      thing = thing.$ref.slice(2).split('/').reduce(
        (at, name) => at?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], this.document);
    }
    return thing ?? {};
  }

  draw(main, contents) {
    const { info, tags = [], components = {} } = this.document;
    document.title = info.title;
    document.getElementById('title').textContent = `${info.title} ${info.version ?? ''}`;
    main.replaceChildren(make('section', {}, prose(info.description)));
    contents.replaceChildren();
    for (const tag of tags) {
      const operations = this.operations(tag.name);
      if (operations.length > 0) {
        this.section(main, contents, tag.name, prose(tag.description), operations);
      }
    }
    const schemas = Object.keys(components.schemas ?? {}).sort().map((name) => this.schemaEntry(name));
    this.section(main, contents, 'schemas', [], schemas);
  }

  section(main, contents, name, description, entries) {
    const heading = make('h2', {}, name);
    const navigation = make('h2', {}, name);
    main.append(heading, ...description);
    contents.append(navigation);
    for (const entry of entries) {
      main.append(entry.article);
      contents.append(entry.link);
      this.entries.push({ words: entry.words.toLowerCase(), elements: [entry.article, entry.link] });
    }
    const all = entries.flatMap((entry) => [entry.article]);
    this.entries.push({ section: all, elements: [heading, navigation, ...description] });
  }

  operations(tag) {
    const found = [];
    for (const [path, item] of Object.entries(this.document.paths)) {
      for (const method of methods) {
        if (item[method]?.tags?.includes(tag)) {
          found.push(this.operation(path, method, item, item[method]));
        }
      }
    }
    return found;
  }

  operation(path, method, item, operation) {
    const label = () => make('span', { className: `method ${method}` }, method.toUpperCase());
    const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((p) => this.resolve(p));
    const article = make('article', { id: operation.operationId },
      make('h3', {}, label(), make('a', { href: `#${operation.operationId}` }, path)),
      make('p', { className: 'summary' }, operation.summary ?? ''),
      prose(operation.description),
      this.access(operation),
      this.parameters(parameters),
      this.body(operation.requestBody),
      make('h4', {}, 'Answers'),
      Object.entries(operation.responses).map(([status, response]) => this.answer(status, this.resolve(response))),
      make('h4', {}, 'With curl'),
      sample(this.curl(path, method, operation, parameters)));
    const link = make('a', { href: `#${operation.operationId}` }, label(), make('span', {}, path));
    const words = [path, method, operation.operationId, operation.summary, operation.description,
      ...parameters.flatMap((p) => [p.name, p.description])].join(' ');
    return { article, link, words };
  }

  access(operation) {
    const scopes = new Set((operation.security ?? this.document.security ?? []).flatMap((way) => Object.values(way).flat()));
    const keyed = (operation.security ?? this.document.security ?? []).some((way) => Object.keys(way).length > 0);
    const text = !keyed ? 'Open to everybody.' : scopes.size > 0 ? `Needs a key with the scope ${[...scopes].join(', ')}.` : 'Needs a key.';
    return make('p', { className: 'faint' }, text);
  }

  parameters(parameters) {
    if (parameters.length === 0) {
      return null;
    }
    return [make('h4', {}, 'Parameters'), make('dl', {}, parameters.map((p) => [
      make('dt', {}, make('code', {}, p.name), ' ', make('span', { className: 'faint' }, `${p.in} · ${this.kind(p.schema)}`),
        p.required ? make('span', { className: 'needed' }, ' required') : null),
      make('dd', {}, prose(p.description), this.limits(p.schema)),
    ]))];
  }

  body(reference) {
    if (!reference) {
      return null;
    }
    const body = this.resolve(reference);
    return [make('h4', {}, 'Body'), prose(body.description), this.content(body.content)];
  }

  answer(status, response) {
    return make('details', {}, make('summary', {}, make('code', {}, status), ' ', inline(response.description ?? '')),
      this.headers(response.headers), this.content(response.content));
  }

  headers(headers) {
    const names = Object.keys(headers ?? {});
    return names.length === 0 ? null : make('p', { className: 'faint' }, `Headers: ${names.join(', ')}`);
  }

  content(content) {
    return Object.entries(content ?? {}).map(([media, { schema, example, examples }]) => [
      make('p', {}, make('code', {}, media)),
      schema ? this.schema(schema) : null,
      [example, ...Object.values(examples ?? {}).map((e) => this.resolve(e).value)].filter((e) => e !== undefined)
        .map((e) => sample(typeof e === 'string' ? e : JSON.stringify(e, null, 2))),
    ]);
  }

  /** Says in a word or two what values a schema allows. */
  kind(reference) {
    if (!reference) {
      return 'any';
    }
    if (reference.$ref) {
      return reference.$ref.split('/').at(-1);
    }
    const schema = reference;
    const several = schema.oneOf ?? schema.anyOf ?? schema.allOf;
    if (several) {
      return several.map((s) => this.kind(s)).join(schema.allOf ? ' and ' : ' or ');
    }
    const types = [schema.type ?? 'any'].flat().map((type) => (type === 'array' ? `list of ${this.kind(schema.items)}` : type));
    return types.join(' or ') + (schema.format ? ` (${schema.format})` : '');
  }

  limits(reference) {
    const schema = this.resolve(reference);
    const notes = [];
    if (schema.enum) notes.push(`one of ${schema.enum.join(', ')}`);
    if (schema.default !== undefined) notes.push(`by default ${schema.default}`);
    if (schema.minimum !== undefined) notes.push(`at least ${schema.minimum}`);
    if (schema.maximum !== undefined) notes.push(`at most ${schema.maximum}`);
    if (schema.examples) notes.push(`such as ${schema.examples.join(', ')}`);
    return notes.length === 0 ? null : make('p', { className: 'faint' }, notes.join(' · '));
  }

  /** Draws the members of a schema, those of named schemas as a link. */
  schema(reference) {
    if (reference.$ref) {
      const name = this.kind(reference);
      return make('p', {}, make('a', { href: `#schema-${name}` }, name));
    }
    const parts = [prose(reference.description), this.limits(reference)];
    for (const part of reference.allOf ?? reference.oneOf ?? reference.anyOf ?? []) {
      parts.push(this.schema(part));
    }
    if (reference.items) {
      parts.push(make('p', { className: 'faint' }, 'A list of:'), this.schema(reference.items));
    }
    if (reference.properties) {
      parts.push(make('div', { className: 'members' }, Object.entries(reference.properties).map(([name, member]) =>
        this.member(name, member, reference.required?.includes(name)))));
    }
    if (typeof reference.additionalProperties === 'object') {
      parts.push(make('p', { className: 'faint' }, 'Under any name:'), this.schema(reference.additionalProperties));
    }
    return make('div', {}, parts.flat());
  }

  member(name, schema, required) {
    const nested = schema.$ref || schema.properties || schema.items || schema.oneOf || schema.anyOf || schema.allOf;
    const head = [make('code', {}, name), ' ', make('span', { className: 'faint' }, this.kind(schema)),
      required ? null : make('span', { className: 'faint' }, ', may be missing')];
    return nested
      ? make('details', {}, make('summary', {}, head), this.schema(schema))
      : make('div', {}, head, prose(schema.description), this.limits(schema));
  }

  schemaEntry(name) {
    const schema = this.document.components.schemas[name];
    const article = make('article', { id: `schema-${name}` },
      make('h3', {}, make('a', { href: `#schema-${name}` }, name)), this.schema(schema));
    return { article, link: make('a', { href: `#schema-${name}` }, name), words: `${name} ${JSON.stringify(schema)}` };
  }

  curl(path, method, operation, parameters) {
    const inPath = { id: '0193c0de-0000-7000-8000-000000000001', name: 'step_count' };
    const range = { start: '2026-03-01', end: '2026-04-01' };
    const valueOf = (p) => range[p.name] ?? p.example ?? this.resolve(p.schema).examples?.[0] ?? this.resolve(p.schema).enum?.[0] ?? '…';
    const url = location.origin + path.replace(/\{(\w+)\}/g, (_, name) => inPath[name] ?? `{${name}}`);
    const query = parameters.filter((p) => p.in === 'query' && (p.required || p.name in range))
      .map((p) => `${p.name}=${encodeURIComponent(valueOf(p))}`).join('&');
    const lines = [`curl ${method === 'get' ? '' : `-X ${method.toUpperCase()} `}'${url}${query ? `?${query}` : ''}'`];
    if ((operation.security ?? this.document.security ?? []).some((way) => Object.keys(way).length > 0)) {
      lines.push(`-H "Authorization: Bearer $KEY"`);
    }
    const content = operation.requestBody ? this.resolve(operation.requestBody).content?.['application/json'] : undefined;
    if (content) {
      lines.push(`-H 'Content-Type: application/json'`, `--data '${JSON.stringify(content.example ?? {})}'`);
    }
    return lines.join(' \\\n  ');
  }

  search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const entry of this.entries) {
      const hidden = entry.section
        ? entry.section.every((element) => element.hidden)
        : !words.every((word) => entry.words.includes(word));
      for (const element of entry.elements) {
        element.hidden = hidden;
      }
    }
  }
}

/** Makes a block of code with a button that copies it. */
function sample(text) {
  const button = make('button', { type: 'button' }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch { // without https, browsers keep the clipboard from pages
      getSelection().selectAllChildren(block);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  const block = make('pre', { tabIndex: 0 }, make('code', {}, text));
  return make('div', { className: 'sample' }, button, block);
}

async function begin() {
  const main = document.getElementById('main');
  const search = document.getElementById('search');
  try {
    const answer = await fetch('openapi.json');
    if (!answer.ok) {
      throw new Error(`the server answered ${answer.status}`);
    }
    const page = new Page(await answer.json());
    page.draw(main, document.getElementById('contents'));
    search.addEventListener('input', () => page.search(search.value));
    addEventListener('keydown', (event) => {
      if (event.key === '/' && document.activeElement !== search) {
        event.preventDefault();
        search.focus();
      }
    });
    if (location.hash) {
      document.getElementById(location.hash.slice(1))?.scrollIntoView();
    }
  } catch (failure) {
    main.replaceChildren(make('p', {}, `The document could not be shown: ${failure.message}.`));
  }
}

begin();
