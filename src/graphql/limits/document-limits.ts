import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { countText } from './document-text.ts';

/**
 * How large a document may be, on every transport. What people and tools write stays far below: test/unit/limits.test.ts holds
 * the documents of this repository against it.
 */
export const DOCUMENT_LIMITS = {
  /** Words, names, numbers and brackets. */
  tokens: 3_000,
  operations: 50,
  fragments: 60,
  /** Places where fragments are spread. */
  spreads: 100,
  aliases: 60,
  /** Characters of an alias, or of the name of an operation or fragment: an answer repeats an alias for every item. */
  nameLength: 128,
  directives: 50,
  /** At one field, fragment or operation. */
  directivesInOnePlace: 5,
  /** Selection sets within each other, as written: inline fragments count, fields of fragments do not. */
  nesting: 32,
  /** Lists and objects within each other in one value. */
  valueNesting: 16,
  /** Fields of the root that are executed. */
  rootFields: 30,
  /** Fields within each other, with those of fragments. The introspection query of clients has 15. */
  depth: 16,
  /** Selections after fragments are put in their places, over all operations. */
  expandedSelections: 2_000,
  /** Pairs of fields with one name in one place: each has to be compared, and so has all below them. */
  sameNames: 10_000,
} as const;

/** The name of one of {@link DOCUMENT_LIMITS}. */
export type DocumentLimit = keyof typeof DOCUMENT_LIMITS;

const WORDS: Record<DocumentLimit, string> = {
  tokens: 'tokens',
  operations: 'operations',
  fragments: 'fragments',
  spreads: 'fragment spreads',
  aliases: 'aliases',
  nameLength: 'characters in a name',
  directives: 'directives',
  directivesInOnePlace: 'directives in one place',
  nesting: 'selection sets within each other',
  valueNesting: 'lists and objects within each other in a value',
  rootFields: 'root fields in an operation',
  depth: 'levels of fields',
  expandedSelections: 'selections once its fragments are put in place',
  sameNames: 'pairs of fields with the same name in one place',
};

/** The error of a document that is too large, with the limit in its extensions. */
export function tooLarge(limit: DocumentLimit): GraphQLError {
  const max = DOCUMENT_LIMITS[limit];
  return new GraphQLError(`A document has ${max} ${WORDS[limit]} at the most.`, {
    extensions: { code: 'DOCUMENT_TOO_LARGE', limit, max },
  });
}

/**
 * What is too large about a document, found in time that the limits bound, before anything with more than linear cost looks
 * at it. Fragments in circles must have been refused before (see {@link hasFragmentCycle}).
 */
export function exceededByText(document: DocumentNode): GraphQLError | undefined {
  const exceeded = countText(document, DOCUMENT_LIMITS);
  return exceeded && tooLarge(exceeded);
}

/** Whether a fragment spreads itself, at whatever distance. */
export function hasFragmentCycle(document: DocumentNode): boolean {
  const fragments = fragmentsOf(document);
  const state = new Map<string, 'open' | 'done'>();
  const closes = (name: string): boolean => {
    const known = state.get(name);
    if (known) return known === 'open';
    const fragment = fragments.get(name);
    if (!fragment) return false;
    state.set(name, 'open');
    const found = spreadsIn(fragment.selectionSet).some(closes);
    state.set(name, 'done');
    return found;
  };
  return [...fragments.keys()].some(closes);
}

/** What is too large once fragments are in place. Fields of one name are merged as an execution merges them. */
export function exceededByExpansion(document: DocumentNode): GraphQLError | undefined {
  const walk = new Expansion(fragmentsOf(document));
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const exceeded = walk.level([definition.selectionSet], 1);
    if (exceeded) return tooLarge(exceeded);
  }
  return undefined;
}

function fragmentsOf(document: DocumentNode): Map<string, FragmentDefinitionNode> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  return fragments;
}

function spreadsIn({ selections }: SelectionSetNode): string[] {
  return selections.flatMap((selection) => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return [selection.name.value];
    return selection.selectionSet ? spreadsIn(selection.selectionSet) : [];
  });
}

class Expansion {
  #selections = 0;
  #pairs = 0;

  constructor(private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>) {}

  /** Walks what is selected in one place, and below it; says which limit it comes to. */
  level(selectionSets: readonly SelectionSetNode[], depth: number): DocumentLimit | undefined {
    if (depth > DOCUMENT_LIMITS.depth) return 'depth';
    const fields = new Map<string, FieldNode[]>();
    const spread = new Set<string>();
    for (const { selections } of selectionSets) {
      if (!this.#collect(selections, fields, spread)) return 'expandedSelections';
    }
    if (depth === 1 && fields.size > DOCUMENT_LIMITS.rootFields) return 'rootFields';
    for (const same of fields.values()) {
      this.#pairs += (same.length * (same.length - 1)) / 2;
      if (this.#pairs > DOCUMENT_LIMITS.sameNames) return 'sameNames';
      const below = same.flatMap(({ selectionSet }) => selectionSet ?? []);
      const exceeded = below.length > 0 ? this.level(below, depth + 1) : undefined;
      if (exceeded) return exceeded;
    }
    return undefined;
  }

  #collect(selections: readonly SelectionNode[], fields: Map<string, FieldNode[]>, spread: Set<string>): boolean {
    for (const selection of selections) {
      this.#selections++;
      if (this.#selections > DOCUMENT_LIMITS.expandedSelections) return false;
      if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value;
        const same = fields.get(name);
        if (same) same.push(selection);
        else fields.set(name, [selection]);
        continue;
      }
      let inside: SelectionSetNode | undefined;
      if (selection.kind === Kind.INLINE_FRAGMENT) inside = selection.selectionSet;
      else if (!spread.has(selection.name.value)) {
        spread.add(selection.name.value);
        inside = this.fragments.get(selection.name.value)?.selectionSet;
      }
      if (inside && !this.#collect(inside.selections, fields, spread)) return false;
    }
    return true;
  }
}
