import {
  type ASTNode,
  type DocumentNode,
  type ExecutionArgs,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  print,
  visit,
} from 'graphql';
import { selectsOnlyPublicFields } from '../public-fields.ts';

/** The argument of a subscription that says where a viewer begins. It moves the viewer, not what is made of an event. */
const CURSOR_ARGUMENT = 'after';
/** Directives by which one response becomes several, in an order of its own. */
const INCREMENTAL_DIRECTIVES = ['defer', 'stream'];

/** How the subscriptions that one document starts may be shared. */
type Sharing = {
  operation: OperationDefinitionNode;
  /** The document as a key: formatted anew, so that white space and comments do not count. */
  text: string;
  /** Variables that are used for the cursor and for nothing else. */
  cursorVariables: ReadonlySet<string>;
};

/** What is known of each document, as long as somebody holds it; null when it must not be shared. */
const known = new WeakMap<DocumentNode, Map<string, Sharing | null>>();

/**
 * The key under which viewers get the same responses to the same events: normalised document, operation name and coerced
 * variables without the cursor. Undefined when the operation must be executed for each viewer.
 * @param args of a valid operation whose variables could be coerced
 */
export function sharingKey(args: ExecutionArgs): { key: string; coercedValues: Record<string, unknown> } | undefined {
  const sharing = sharingOf(args.schema, args.document, args.operationName ?? '');
  if (!sharing) return undefined;
  const { coerced } = getVariableValues(
    args.schema,
    sharing.operation.variableDefinitions ?? [],
    (args.variableValues ?? {}) as Record<string, unknown>,
  );
  if (!coerced) return undefined;
  const variables = Object.entries(coerced).filter(([name]) => !sharing.cursorVariables.has(name));
  const key = `${sharing.text}\n${args.operationName ?? ''}\n${canonicalJson(Object.fromEntries(variables))}`;
  return { key, coercedValues: coerced };
}

function sharingOf(schema: GraphQLSchema, document: DocumentNode, operationName: string): Sharing | null {
  let ofDocument = known.get(document);
  if (!ofDocument) {
    ofDocument = new Map();
    known.set(document, ofDocument);
  }
  let sharing = ofDocument.get(operationName);
  if (sharing === undefined) {
    sharing = judge(schema, document, operationName);
    ofDocument.set(operationName, sharing);
  }
  return sharing;
}

function judge(schema: GraphQLSchema, document: DocumentNode, operationName: string): Sharing | null {
  const operation = getOperationAST(document, operationName || null);
  if (!operation) return null;
  if (isIncremental(document) || !selectsOnlyPublicFields(schema, document, operation)) return null;
  return { operation, text: print(document), cursorVariables: cursorVariables(document, operation) };
}

function isIncremental(document: DocumentNode): boolean {
  let found = false;
  visit(document, {
    Directive: ({ name }) => {
      found ||= INCREMENTAL_DIRECTIVES.includes(name.value);
    },
  });
  return found;
}

function cursorVariables(document: DocumentNode, operation: OperationDefinitionNode): Set<string> {
  const cursors = new Set<ASTNode>();
  for (const field of operation.selectionSet.selections) {
    if (field.kind !== Kind.FIELD) continue;
    for (const argument of field.arguments ?? []) if (argument.name.value === CURSOR_ARGUMENT) cursors.add(argument);
  }
  const forCursor = new Set<string>();
  const forOthers = new Set<string>();
  visit(document, {
    Variable: ({ name }, _key, parent) => {
      const user = parent as ASTNode;
      if (user.kind !== Kind.VARIABLE_DEFINITION) (cursors.has(user) ? forCursor : forOthers).add(name.value);
    },
  });
  for (const name of forOthers) forCursor.delete(name);
  return forCursor;
}

/** JSON with sorted keys, so that equal values are equal texts. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`;
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
