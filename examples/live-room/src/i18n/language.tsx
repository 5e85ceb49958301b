import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { createTranslator, LANGUAGES, type Language, type Translator } from './translate.ts';

const STORAGE_KEY = 'hadiya.language';

type Languages = Translator & { choose: (language: Language) => void };

const LanguageContext = createContext<Languages | undefined>(undefined);

/** Gives the page its language and its direction. What was chosen is remembered; else the browser's language decides. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(readLanguage);
  const translator = useMemo(() => createTranslator(language), [language]);
  useEffect(() => {
    document.documentElement.lang = language;
    document.documentElement.dir = translator.direction;
  }, [language, translator.direction]);
  const languages = useMemo(
    () => ({
      ...translator,
      choose: (chosen: Language) => {
        localStorage.setItem(STORAGE_KEY, chosen);
        setLanguage(chosen);
      },
    }),
    [translator],
  );
  return <LanguageContext value={languages}>{children}</LanguageContext>;
}

/** How to write everything, in components. */
export function useLanguage(): Languages {
  const languages = useContext(LanguageContext);
  if (!languages) throw new Error('useLanguage is called outside of LanguageProvider.');
  return languages;
}

function readLanguage(): Language {
  const kept = localStorage.getItem(STORAGE_KEY) ?? navigator.language.slice(0, 2);
  return LANGUAGES.find((language) => language === kept) ?? 'en';
}
