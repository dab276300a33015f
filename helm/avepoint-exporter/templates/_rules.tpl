{{/* An alert with the changes of prometheusRule.alerts: list ROOT RULE CHANGE. */}}
{{- define "avepoint-exporter.alert" -}}
{{- $values := (index . 0).Values.prometheusRule -}}
{{- $rule := index . 1 -}}
{{- $change := index . 2 -}}
{{- $labels := merge dict (default dict $change.labels) -}}
{{- with $change.severity }}{{ $_ := set $labels "severity" . }}{{ end -}}
{{- $labels = merge $labels (default dict $rule.labels) $values.alertLabels -}}
{{- $own := merge dict (default dict $rule.annotations) -}}
{{- if and $values.runbookBaseUrl $own.runbook_url -}}
{{- $_ := set $own "runbook_url" (printf "%s/%s" (trimSuffix "/" $values.runbookBaseUrl) (base $own.runbook_url)) -}}
{{- end -}}
{{- $annotations := merge dict (default dict $change.annotations) $own $values.alertAnnotations -}}
{{- $alert := merge (pick $change "expr" "for" "keep_firing_for") (omit $rule "labels" "annotations") -}}
{{- /* An empty duration removes the field. */ -}}
{{- range $key := list "for" "keep_firing_for" -}}
{{- if and (hasKey $change $key) (not (index $change $key)) }}{{ $_ := unset $alert $key }}{{ end -}}
{{- end -}}
{{- if $labels }}{{ $_ := set $alert "labels" $labels }}{{ end -}}
{{- if $annotations }}{{ $_ := set $alert "annotations" $annotations }}{{ end -}}
{{- toYaml $alert -}}
{{- end -}}

{{/* The name in prometheusRule.thresholds of a recording rule; empty if the rule is no threshold. */}}
{{- define "avepoint-exporter.threshold" -}}
{{- $name := regexReplaceAll "^avepoint:(.*):threshold(_critical)?$" . "${1}${2}" -}}
{{- if ne $name . }}{{ $name }}{{ end -}}
{{- end -}}

{{/* The groups of one file with the changes of the values: list ROOT GROUPS OPTIONAL. An optional file needs an alert with enabled: true. */}}
{{- define "avepoint-exporter.ruleGroups" -}}
{{- $root := index . 0 -}}
{{- $optional := index . 2 -}}
{{- $values := $root.Values.prometheusRule -}}
{{- $groups := list -}}
{{- $enabled := not $optional -}}
{{- range $group := index . 1 -}}
{{- $rules := list -}}
{{- range $rule := $group.rules -}}
{{- if $rule.alert -}}
{{- $change := default dict (index $values.alerts $rule.alert) -}}
{{- if ternary (eq (toString $change.enabled) "true") (ne (toString $change.enabled) "false") $optional -}}
{{- $rules = append $rules (include "avepoint-exporter.alert" (list $root $rule $change) | fromYaml) -}}
{{- $enabled = true -}}
{{- end -}}
{{- else -}}
{{- $name := include "avepoint-exporter.threshold" $rule.record -}}
{{- if hasKey $values.thresholds $name -}}
{{- $rule = set (merge dict $rule) "expr" (printf "vector(%v)" (index $values.thresholds $name)) -}}
{{- end -}}
{{- $rules = append $rules $rule -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $group = set (omit $group "rules") "rules" $rules -}}
{{- with $values.interval }}{{ $_ := set $group "interval" . }}{{ end -}}
{{- $groups = append $groups $group -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "groups" (ternary $groups list $enabled)) -}}
{{- end -}}

{{/* Fail if the values name an alert or a threshold that does not exist: list ROOT GROUPS OPTIONAL_GROUPS. */}}
{{- define "avepoint-exporter.validateRules" -}}
{{- $values := (index . 0).Values.prometheusRule -}}
{{- $rules := dict -}}
{{- $optional := dict -}}
{{- $thresholds := dict -}}
{{- range $group := concat (index . 1) (index . 2) -}}
{{- range $rule := $group.rules -}}
{{- if $rule.alert }}{{ $_ := set $rules $rule.alert (add1 (default 0 (index $rules $rule.alert))) }}{{ end -}}
{{- with $rule.record }}{{ $_ := set $thresholds (include "avepoint-exporter.threshold" .) true }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range $group := index . 2 -}}
{{- range $rule := $group.rules }}{{ with $rule.alert }}{{ $_ := set $optional . true }}{{ end }}{{ end -}}
{{- end -}}
{{- range $name, $change := $values.alerts -}}
{{- if not (hasKey $rules $name) -}}
{{- fail (printf "prometheusRule.alerts.%s: this chart has no such alert." $name) -}}
{{- end -}}
{{- if and (hasKey $optional $name) (not (hasKey $change "enabled")) -}}
{{- fail (printf "prometheusRule.alerts.%s: the alert is disabled by default; set enabled." $name) -}}
{{- end -}}
{{- if and $change.expr (gt (int (index $rules $name)) 1) -}}
{{- fail (printf "prometheusRule.alerts.%s.expr: the alert has %d rules, so one expression cannot replace them; disable it and add your own in additionalGroups." $name (int (index $rules $name))) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := $values.thresholds -}}
{{- if not (hasKey $thresholds $name) -}}
{{- fail (printf "prometheusRule.thresholds.%s: this chart has no such threshold." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
