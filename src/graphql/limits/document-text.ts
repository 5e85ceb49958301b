import {
  type ArgumentNode,
  type DirectiveNode,
  type DocumentNode,
  Kind,
  type NameNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';

/** What is counted in a document as it is written. */
export type TextCounts = {
  operations: number;
  fragments: number;
  spreads: number;
  aliases: number;
  nameLength: number;
  directives: number;
  directivesInOnePlace: number;
  nesting: number;
  valueNesting: number;
};

/** Counts until a limit is passed, and says which; it never goes deeper than the limits. */
export function countText(document: DocumentNode, limits: TextCounts): keyof TextCounts | undefined {
  const counter = new Counter(limits);
  for (const definition of document.definitions) {
    const known =
      definition.kind === Kind.OPERATION_DEFINITION || definition.kind === Kind.FRAGMENT_DEFINITION
        ? definition
        : undefined;
    if (!known) continue; // types: the validation refuses them
    counter.count(known.kind === Kind.OPERATION_DEFINITION ? 'operations' : 'fragments');
    counter.name(known.name);
    counter.directives(known.directives);
    for (const { defaultValue, directives } of known.variableDefinitions ?? []) {
      if (defaultValue) counter.value(defaultValue, 0);
      counter.directives(directives);
    }
    counter.selections(known.selectionSet, 1);
    if (counter.exceeded) break;
  }
  return counter.exceeded;
}

class Counter {
  readonly #counts: TextCounts = {
    operations: 0,
    fragments: 0,
    spreads: 0,
    aliases: 0,
    nameLength: 0,
    directives: 0,
    directivesInOnePlace: 0,
    nesting: 0,
    valueNesting: 0,
  };
  exceeded: keyof TextCounts | undefined;

  constructor(private readonly limits: TextCounts) {}

  count(what: keyof TextCounts): void {
    this.#counts[what]++;
    if (this.#counts[what] > this.limits[what]) this.exceeded ??= what;
  }

  /** Of what a client names itself: answers and errors repeat it. */
  name(node: NameNode | undefined): void {
    if (node && node.value.length > this.limits.nameLength) this.exceeded ??= 'nameLength';
  }

  selections({ selections }: SelectionSetNode, nesting: number): void {
    if (nesting > this.limits.nesting) this.exceeded ??= 'nesting';
    for (const selection of selections) {
      if (this.exceeded) return;
      this.directives(selection.directives);
      if (selection.kind === Kind.FIELD) {
        if (selection.alias) this.count('aliases');
        this.name(selection.alias);
        this.#arguments(selection.arguments);
      } else if (selection.kind === Kind.FRAGMENT_SPREAD) {
        this.count('spreads');
        continue;
      }
      if (selection.selectionSet) this.selections(selection.selectionSet, nesting + 1);
    }
  }

  directives(directives: readonly DirectiveNode[] | undefined): void {
    if (directives && directives.length > this.limits.directivesInOnePlace) this.exceeded ??= 'directivesInOnePlace';
    for (const directive of directives ?? []) {
      this.count('directives');
      this.#arguments(directive.arguments);
    }
  }

  #arguments(args: readonly ArgumentNode[] | undefined): void {
    for (const { value } of args ?? []) this.value(value, 0);
  }

  value(value: ValueNode, nesting: number): void {
    if (nesting > this.limits.valueNesting) this.exceeded ??= 'valueNesting';
    if (this.exceeded) return;
    if (value.kind === Kind.LIST) for (const item of value.values) this.value(item, nesting + 1);
    else if (value.kind === Kind.OBJECT) for (const field of value.fields) this.value(field.value, nesting + 1);
  }
}
