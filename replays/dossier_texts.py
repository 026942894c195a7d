"""What a dossier says in English and in French, its words in one table."""

from __future__ import annotations

# name, English, French
WORDS: tuple[tuple[str, str, str], ...] = (
    ("title", "Dossier of dispute", "Dossier du litige"),
    ("intro", "What is stated here is computed from the entries listed at the end and from nothing else. Positions are "
     "the numbers of entries in the ledger. Instants are UTC, unless a picture says local time.",
     "Ce qui est énoncé ici est calculé à partir des écritures énumérées à la fin, et d’elles seules. Les positions "
     "sont les numéros des écritures du registre. Les instants sont en UTC, sauf dans les images, en heure locale."),
    ("matter", "The matter", "L’objet"),
    ("item", "Item", "Élément"), ("value", "Value", "Valeur"),
    ("contract", "Contract", "Contrat"), ("question", "Question", "Question"), ("reason", "Reason", "Motif"),
    ("opened", "Opened", "Ouvert"), ("by", "By", "Par"), ("state", "State", "État"),
    ("known_at", "As known at", "Selon ce qui était connu le"), ("position", "Position", "Position"),
    ("terms", "Terms", "Conditions"), ("decision", "Decision", "Décision"),
    ("decided_note", "A decision is an opinion on a reading or a fact; it alters no entry.",
     "Une décision est une opinion sur une lecture ou un fait ; elle ne modifie aucune écriture."),
    ("course", "The course of the dispute", "Le déroulement du litige"),
    ("at", "At", "Le"), ("what", "What", "Quoi"), ("says", "Says", "Énonce"), ("evidence", "Evidence", "Pièces"),
    ("verdicts", "The verdict", "Le verdict"), ("figure", "Figure", "Donnée"),
    ("at_first", "As known at the end of the period", "Connu à la fin de la période"),
    ("at_opening", "As known at the opening", "Connu à l’ouverture"), ("now", "As known now", "Connu à ce jour"),
    ("as_decided", "Under the decided reading", "Selon la lecture décidée"), ("verdict", "verdict", "verdict"),
    ("kept", "kept", "tenu"), ("broken", "broken", "manqué"), ("not_judged", "nothing to judge", "rien à juger"),
    ("learnt", "What was known when", "Ce qui était connu, et quand"),
    ("learnt_note", "From the end of the period to now, each entry that moved the answer, in the order it was learnt. "
     "The steps account for the whole difference.",
     "De la fin de la période à ce jour, chaque écriture qui a changé la réponse, dans l’ordre où elle a été connue. "
     "Les étapes rendent compte de toute la différence."),
    ("no_step", "Nothing learnt after the period moved the answer.",
     "Rien de ce qui a été connu après la période n’a changé la réponse."),
    ("number", "No.", "N°"), ("moved", "Moved", "A changé"), ("alone", "Alone", "Seule"),
    ("knowledge_caption", "What was known over time; numbers are the steps below",
     "Ce qui était connu au fil du temps ; les numéros sont les étapes ci-dessous"),
    ("clauses", "The clauses at stake", "Les clauses en jeu"),
    ("clauses_note", "Each open choice that changes a figure here: the reading taken and the other one. The wording of "
     "the readings is the software’s.",
     "Chaque choix ouvert qui change ici une donnée : la lecture retenue et l’autre. Les lectures sont formulées en "
     "anglais, langue du logiciel."),
    ("no_clause", "No reading of a clause changes a figure here.",
     "Aucune lecture d’une clause ne change ici une donnée."),
    ("article", "Article", "Article"), ("reading", "Reading taken", "Lecture retenue"),
    ("other", "Other reading", "Autre lecture"), ("other_verdict", "Verdict under it", "Verdict selon elle"),
    ("changes", "Changes", "Change"),
    ("tried", "readings are open; outcome over them", "lectures sont possibles ; issue sur l’ensemble"),
    ("contested", "contested", "contesté"),
    ("coverage_every", "it holds over every combination", "elle vaut pour toutes les combinaisons"),
    ("coverage_some", "not every combination was searched", "toutes les combinaisons n’ont pas été explorées"),
    ("workings", "The workings", "Le calcul"),
    ("levers", "What would turn it", "Ce qui l’inverserait"),
    ("shown", "If it were shown that", "S’il était établi que"),
    ("ground", "Ground", "Cause"), ("seconds", "Seconds", "Secondes"),
    ("turns", "Turns the verdict", "Inverse le verdict"),
    ("yes", "yes", "oui"), ("no", "no", "non"),
    ("spare", "Seconds to spare (below zero: missing)", "Secondes de marge (négatif : manquantes)"),
    ("month", "The month", "Le mois"),
    ("month_caption", "The month in local time, a row a day", "Le mois en heure locale, une ligne par jour"),
    ("prt", "reference period (PRT)", "période de référence (PRT)"), ("outage", "outage", "indisponibilité"),
    ("excluded", "exclusion that stands", "exclusion retenue"),
    ("maintenance", "maintenance stop", "arrêt de maintenance"),
    ("announced", "announced slot", "créneau annoncé"),
    ("nights", "The backups owed", "Les sauvegardes dues"),
    ("nights_caption", "Each night owed a backup", "Chaque nuit due d’une sauvegarde"),
    ("fulfilled", "present", "présente"), ("missed", "missing", "manquante"),
    ("pending", "not due yet", "pas encore due"),
    ("facts", "The facts, in the order they were recorded", "Les faits, dans l’ordre de leur enregistrement"),
    ("recorded", "Recorded", "Enregistré"), ("stream", "Stream", "Flux"), ("type", "Type", "Nature"),
    ("fact", "Fact", "Fait"), ("receipt", "Receipt (leaf hash)", "Reçu (empreinte de la feuille)"),
    ("how", "How to verify", "Comment vérifier"),
    ("how_note", "Beside this page lies bundle.zip: the entries themselves, the tree they stand in, and a verifier. "
     "Take it out and run: service-ledger verify bundle.zip. Each leaf hash above is that of an entry in it.",
     "À côté de cette page se trouve bundle.zip : les écritures, l’arbre où elles figurent et un vérificateur. "
     "L’extraire, puis lancer : service-ledger verify bundle.zip. Chaque empreinte ci-dessus est celle d’une "
     "écriture qu’il contient."),
)  # fmt: skip

# figures and words of an answer on availability, as a reader of French calls them; any other keeps its own name
FIGURES: tuple[tuple[str, str], ...] = (
    ("prt_minutes", "PRT, en minutes"),
    ("gross_unavailable_seconds", "indisponible dans la PRT, en secondes"),
    ("excluded_seconds", "exclu, en secondes"),
    ("ti_seconds", "TI, en secondes"),
    ("td_percent", "TD, en pour cent"),
    ("breach", "manquement"),
    ("status", "état"),
    ("total_outage_seconds", "indisponibilité totale, en secondes"),
    ("out_of_prt_outage_seconds", "indisponible hors PRT, en secondes"),
    ("remaining_budget_seconds", "marge restante, en secondes"),
    ("excluded_by_ground", "exclu par cause"),
    ("contested_seconds", "contesté, en secondes"),
    ("range", "fourchette"),
    ("final", "définitif"),
    ("provisional", "provisoire"),
    ("not_applicable", "sans objet"),
    ("month", "mois"),
    ("availability", "disponibilité"),
    ("customer", "client"),
    ("provider", "prestataire"),
    ("both", "les deux parties"),
    ("open", "ouvert"),
    ("decided", "décidé"),
    ("closed", "clos"),
)

LANGUAGES: dict[str, dict[str, str]] = {
    "en": {name: english for name, english, _ in WORDS},
    "fr": {**dict(FIGURES), **{name: french for name, _, french in WORDS}},
}
